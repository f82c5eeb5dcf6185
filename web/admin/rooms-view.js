/** The list of rooms: who is in them, and what each publishes. */

/** What a track is called. */
const SOURCES = { microphone: 'microphone', camera: 'camera', screen: 'screen', screenAudio: "screen's sound" };

/**
 * @param {object} room as of `GET /api/rooms`
 * @returns {HTMLElement} an item for the list
 */
export function drawRoom(room) {
  const item = document.createElement('li');
  item.className = 'card room';
  item.append(textOf('h3', room.room), textOf('p', wordsOf(room), 'detail'));
  if (room.participants.length === 0) return item;
  const people = document.createElement('ul');
  people.append(...room.participants.map(drawParticipant));
  item.append(people);
  return item;
}

/** @returns {string} how full it is, and what is special about it */
export function wordsOf({ participants, sizeMax, locked, moderated, pipeline }) {
  const words = [`${participants.length} of ${sizeMax}`];
  if (locked) words.push('locked');
  if (participants.length > 0 && !moderated) words.push('no moderator');
  if (pipeline !== null) words.push(`pipeline ${pipeline}`);
  return words.join(' · ');
}

/** @returns {string} what somebody is, and what they publish */
export function participantWords({ moderator, away, kurento, quality, tracks }) {
  const words = tracks.map(({ source, muted }) => `${SOURCES[source]}${muted ? ' (muted)' : ''}`);
  if (moderator) words.unshift('moderator');
  if (kurento) words.push('by Kurento');
  if (quality !== 'good') words.push(`${quality} connection`);
  if (away) words.push('away');
  return words.join(', ') || 'only listens';
}

function drawParticipant(participant) {
  const item = document.createElement('li');
  item.dataset.away = String(participant.away);
  item.append(textOf('span', participant.name, 'name'), textOf('span', participantWords(participant), 'detail'));
  return item;
}

function textOf(tag, text, name = '') {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = text;
  return element;
}
