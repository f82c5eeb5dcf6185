import { byId, drawFace, setText } from '../dom.js';
import { icon } from '../icon.js';

/**
 * Who is here, the invitation, and what moderators can do.
 *
 * @param {import('./visit.js').Visit} visit
 * @param {import('../confirmation.js').Confirmation} confirmation
 * @param {boolean} needsToken whether the server lets in only who has an access token
 */
export function mountPeopleView(visit, confirmation, needsToken) {
  const list = byId('people-list');
  const rowsById = new Map();
  byId('invite-note').hidden = !needsToken;
  byId('copy-invite').addEventListener('click', copyInvite);
  byId('mute-all').addEventListener('click', () => visit.attempt(visit.room.muteAll().then(() => visit.tell('All other microphones were muted.'))));
  byId('toggle-lock').addEventListener('click', () => visit.attempt(visit.room.lock(!visit.room.locked)));
  byId('end-room').addEventListener('click', endRoom);
  byId('people').addEventListener('toggle', () => {
    if (!byId('people').hidden) byId('people-title').parentElement.querySelector('button').focus();
  });
  visit.addEventListener('change', render);
  visit.equipment.addEventListener('change', render);

  function render() {
    const { room } = visit;
    if (!room) {
      for (const { row } of rowsById.values()) row.remove();
      rowsById.clear();
      return;
    }
    byId('invite-link').value = inviteAddress(visit.roomName);
    byId('moderation').hidden = !room.self.moderator;
    byId('toggle-lock').setAttribute('aria-pressed', String(room.locked));
    setText(byId('toggle-lock'), room.locked ? 'Unlock room' : 'Lock room');
    const everybody = [room.self, ...room.participants];
    setText(byId('people-count'), String(everybody.length));
    byId('toggle-people').setAttribute('aria-label', `People, ${everybody.length} here`);
    for (const [id, { row }] of rowsById) {
      if (everybody.some((participant) => participant.id === id)) continue;
      row.remove();
      rowsById.delete(id);
    }
    for (const participant of everybody) draw(participant, room);
    everybody.forEach(({ id }, index) => {
      const { row } = rowsById.get(id);
      // Moved only where the order differs: moving an element takes the focus away from its buttons.
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
  }

  function draw(participant, room) {
    if (!rowsById.has(participant.id)) rowsById.set(participant.id, newRow(participant));
    const { label, detail, mute, promote, remove } = rowsById.get(participant.id);
    const isOwn = participant === room.self;
    const microphone = participant.track('microphone');
    const isMuted = isOwn ? !visit.equipment.isOn('audio') : (microphone?.muted ?? true);
    setText(label, isOwn ? `${participant.name} (you)` : participant.name);
    setText(detail, detailOf(participant, isMuted));
    mute.hidden = isOwn || !room.self.moderator || isMuted;
    promote.hidden = isOwn || !room.self.moderator || participant.moderator || participant.stream !== null;
    remove.hidden = isOwn || !room.self.moderator;
  }

  function newRow(participant) {
    const row = document.createElement('li');
    const face = document.createElement('span');
    face.className = 'face';
    face.setAttribute('aria-hidden', 'true');
    drawFace(face, participant.name);
    const who = document.createElement('div');
    who.className = 'person';
    const label = document.createElement('p');
    label.className = 'person-name';
    const detail = document.createElement('p');
    detail.className = 'person-detail';
    who.append(label, detail);
    const mute = newAction('microphone-off', `Mute ${participant.name}`, () => {
      const microphone = participant.track('microphone');
      if (microphone) visit.attempt(visit.room.mute(microphone));
    });
    const promote = newAction('crown', `Make ${participant.name} a moderator`, () => {
      visit.attempt(visit.room.promote(participant));
    });
    const remove = newAction('remove', `Remove ${participant.name}`, () => removeFromRoom(participant));
    row.append(face, who, mute, promote, remove);
    return { row, label, detail, mute, promote, remove };
  }

  async function removeFromRoom(participant) {
    const question = { title: `Remove ${participant.name}?`, text: 'They leave the room at once. To keep them out, lock the room too.', yes: 'Remove' };
    if (await confirmation.ask(question)) visit.attempt(visit.room?.remove(participant));
  }

  async function endRoom() {
    const question = { title: 'End the room for everybody?', text: 'Everybody leaves at once.', yes: 'End for all' };
    if (await confirmation.ask(question)) visit.attempt(visit.room?.endForAll());
  }

  async function copyInvite() {
    byId('invite-link').select();
    try {
      await navigator.clipboard.writeText(byId('invite-link').value);
      visit.tell('The link is in the clipboard.');
    } catch {
      visit.tell('This browser did not allow copying. The link is selected: copy it yourself.');
    }
  }
}

/** @returns {string} the room's address without what is this visitor's own */
function inviteAddress(roomName) {
  const address = new URL(location.pathname, location.href);
  address.searchParams.set('room', roomName);
  return address.href;
}

function detailOf({ moderator, away, quality, stream, tracks }, isMuted) {
  if (stream !== null) return 'livestream';
  const words = [
    moderator && 'moderator',
    away && 'reconnecting',
    isMuted && 'microphone off',
    [...tracks.values()].some(({ source }) => source === 'screen') && 'shares a screen',
    quality === 'poor' && 'poor connection',
  ];
  return words.filter(Boolean).join(' · ');
}

function newAction(name, label, act) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'tool';
  button.setAttribute('aria-label', label);
  button.title = label;
  button.append(icon(name));
  button.addEventListener('click', act);
  return button;
}
