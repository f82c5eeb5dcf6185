import { byId, setText } from '../dom.js';

/**
 * What happens, in sentences: read out by screen readers, and shown below the picture where nothing else shows it.
 *
 * @param {import('./show.js').Show} show
 */
export function mountNoticeView(show) {
  let phase = show.phase;
  show.addEventListener('notice', ({ detail }) => {
    announce(detail);
    setText(byId('said'), detail);
  });
  show.addEventListener('change', () => {
    if (show.phase === phase) return;
    setText(byId('said'), '');
    // The banner and the error are alerts of their own.
    if (show.phase === 'live') announce(phase === 'returning' ? 'You are live again.' : 'You are live.');
    if (show.phase === 'starting') announce('Connecting.');
    phase = show.phase;
  });

  function announce(sentence) {
    setText(byId('announcement'), sentence);
  }
}
