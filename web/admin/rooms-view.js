/** The list of rooms: who is in them, what each publishes, and what can be done about it. */

import { byId } from '../dom.js';
import { count } from '../quantity.js';
import { drawConnections } from './connections-view.js';
import { html } from './html.js';
import { morph } from './morph.js';
import { orderButton } from './order.js';

/** What a track is called. */
const SOURCES = { microphone: 'microphone', camera: 'camera', screen: 'screen', screenAudio: "screen's sound" };

/**
 * @param {{rooms: object[], next?: string}} page of `GET /api/rooms`
 * @param {{rates: import('./rates.js').Rates, reports: Map<string, object>}} context
 * @returns {string} how many there are
 */
export function showRooms({ rooms, next }, { rates, reports }) {
  morph(byId('rooms'), rooms.map((room) => drawRoom(room, reports.get(pathOf(room)), rates)));
  byId('no-rooms').hidden = rooms.length > 0;
  byId('more-rooms').hidden = next === undefined;
  return `${count(rooms.length, 'room')}${next === undefined ? '' : ' and more'}`;
}

function drawRoom(room, report, rates) {
  const path = pathOf(room);
  const names = new Map(room.participants.map(({ participant, name }) => [participant, name]));
  // Labels begin with the participant: `p17 publishes`.
  const nameOf = (label) => label.replace(/^p\d+/, (participant) => names.get(participant) ?? participant);
  const end = orderButton('End', {
    method: 'DELETE',
    path,
    title: `End the room ${room.room}?`,
    text: `Everybody leaves at once (${count(room.participants.length, 'person').replace('persons', 'people')}). Its chat is forgotten.`,
    yes: 'End it',
    name: `End the room ${room.room}`,
  });
  return html('li', { class: 'card room', 'data-key': path },
    html('div', { class: 'head' }, html('h3', {}, room.room), end),
    html('p', { class: 'detail' }, wordsOf(room)),
    html('ul', {}, ...room.participants.map((participant) => drawParticipant(path, participant))),
    room.pipeline === null ? null : drawConnections(path, report?.media, rates, nameOf),
  );
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

function drawParticipant(room, participant) {
  const { participant: id, name, away, tracks } = participant;
  const mutes = tracks.filter(({ muted }) => !muted).map(({ track, source }) => orderButton(`Mute ${SOURCES[source]}`, {
    method: 'POST',
    path: `${room}/tracks/${encodeURIComponent(track)}/mute`,
    title: `Mute the ${SOURCES[source]} of ${name}?`,
    text: 'Nobody in the room gets it until they turn it on again.',
    yes: 'Mute',
    name: `Mute the ${SOURCES[source]} of ${name}`,
  }));
  const remove = orderButton('Remove', {
    method: 'DELETE',
    path: `${room}/participants/${encodeURIComponent(id)}`,
    title: `Remove ${name}?`,
    text: 'They leave the room at once, and may come again.',
    yes: 'Remove',
    name: `Remove ${name}`,
  });
  return html('li', { 'data-key': id, 'data-away': String(away) },
    html('div', { class: 'person' }, html('span', { class: 'name' }, name), html('span', { class: 'detail' }, participantWords(participant))),
    html('div', { class: 'orders' }, ...mutes, remove),
  );
}

function pathOf({ room }) {
  return `rooms/${encodeURIComponent(room)}`;
}
