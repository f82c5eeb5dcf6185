import { byId, setText } from '../dom.js';
import { bitrate, percent } from '../quantity.js';

/**
 * What arrives, for whoever wants to know.
 *
 * @param {import('./watching.js').Watching} watching
 */
export function mountFiguresView(watching) {
  const toggle = byId('toggle-figures');
  toggle.addEventListener('click', () => {
    const isOpen = byId('figures').hidden;
    byId('figures').hidden = !isOpen;
    toggle.setAttribute('aria-expanded', String(isOpen));
  });
  watching.addEventListener('reading', ({ detail: { received, roundTripMs } }) => {
    setText(byId('figure-picture'), received.width === null ? '–' : `${received.width} × ${received.height}, ${Math.round(received.framesPerSecond ?? 0)} fps`);
    setText(byId('figure-bitrate'), bitrate(received.bitrate) || '–');
    setText(byId('figure-loss'), received.loss === null ? '–' : percent(received.loss));
    setText(byId('figure-round-trip'), roundTripMs === null ? '–' : `${Math.max(1, Math.round(roundTripMs))} ms`);
  });
}
