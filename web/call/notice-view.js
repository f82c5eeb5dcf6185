import { byId, setText } from '../dom.js';

/** Long enough to read two sentences; the same words are also announced to screen readers. */
const STAGE_NOTE_MS = 8_000;

/**
 * What happened: sentences of the phone shown over the call or in the lobby, changes of phase announced to screen
 * readers, and both in the title of the tab, which is all that someone in another tab can see.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountNoticeView(phone) {
  let stageTimer = null;
  let phase = phone.phase;

  phone.addEventListener('notice', ({ detail }) => {
    const inCall = phone.connection !== null || phone.phase === 'preparing' || phone.phase === 'answering';
    const place = byId(inCall ? 'stage-note' : 'notice');
    setText(place, detail);
    place.hidden = false;
    announce(detail);
    if (!inCall) return;
    clearTimeout(stageTimer);
    stageTimer = setTimeout(() => hide('stage-note'), STAGE_NOTE_MS);
  });

  phone.addEventListener('change', () => {
    document.body.dataset.phase = phone.phase;
    if (phone.phase === phase) return;
    phase = phone.phase;
    document.title = title(phone);
    // What happened to the last call stays until the next one begins.
    if (phone.peer) hide('notice');
    else hide('stage-note');
    const sentence = ANNOUNCEMENTS[phase]?.(phone);
    if (sentence) announce(sentence);
  });
}

const ANNOUNCEMENTS = {
  ready: (phone) => `You are online as ${phone.name}.`,
  calling: (phone) => `Calling ${phone.peer}.`,
  talking: (phone) => `In a call with ${phone.peer}.`,
};

function title(phone) {
  if (phone.phase === 'ringing') return `${phone.peer} is calling – Keel`;
  return phone.peer ? `${phone.peer} – Keel` : 'Keel';
}

function announce(sentence) {
  setText(byId('announcement'), sentence);
}

function hide(id) {
  byId(id).hidden = true;
}
