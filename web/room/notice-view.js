import { byId, setText } from '../dom.js';
import { wordFor } from './reactions-view.js';

/** Long enough to read two sentences. */
const SHOWN_MS = 6_000;
/** More at once would cover the room. */
const SHOWN_MAX = 3;

/**
 * What happens, in sentences: shown for a while, and read out by screen readers.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountNoticeView(visit) {
  const place = byId('notices');
  let room = null;

  visit.addEventListener('notice', ({ detail }) => show(detail));
  visit.addEventListener('change', () => {
    if (visit.room === room) return;
    room = visit.room;
    place.replaceChildren();
    if (!room) return;
    announce(`You are in the room ${visit.roomName}. ${others(room.participants.length)}`);
    for (const [type, sentence] of Object.entries(SENTENCES)) {
      room.addEventListener(type, ({ detail }) => {
        const said = sentence(detail);
        if (said) show(said);
      });
    }
    // It is seen at its tile; here it is said.
    room.addEventListener('reaction', ({ detail: { participant, reaction } }) => {
      if (participant && participant !== room?.self) announce(`${participant.name}: ${wordFor(reaction)}`);
    });
  });

  function show(sentence) {
    announce(sentence);
    const notice = document.createElement('p');
    notice.className = 'notice';
    notice.textContent = sentence;
    place.append(notice);
    while (place.children.length > SHOWN_MAX) place.firstElementChild.remove();
    setTimeout(() => notice.remove(), SHOWN_MS);
  }

  function announce(sentence) {
    setText(byId('announcement'), sentence);
  }
}

/** By the room's event, what is said of it; empty for nothing. */
const SENTENCES = {
  participantjoined: ({ participant }) => `${participant.name} is here.`,
  participantleft: ({ participant, reason }) => (reason === 'removed' ? `${participant.name} was removed.` : `${participant.name} has left.`),
  trackpublished: ({ participant, track }) => (track.source === 'screen' ? `${participant.name} shares a screen.` : ''),
  trackended: ({ participant, track }) => (track.source === 'screen' ? `${participant.name} does not share a screen any more.` : ''),
  locked: ({ locked }) => (locked ? 'The room is locked: nobody new can come in.' : 'The room is open again.'),
  state: ({ state, isResumed }) => (state === 'connected' && isResumed ? 'You are back.' : ''),
};

function others(count) {
  if (count === 0) return 'Nobody else is here yet.';
  return count === 1 ? 'One other person is here.' : `${count} other people are here.`;
}
