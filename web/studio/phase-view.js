import { byId, setText } from '../dom.js';
import { count, duration } from '../quantity.js';

/** Twice a second: no second is left out. */
const CLOCK_MS = 500;

/**
 * Which part of the page is shown, and the way from one to the next.
 *
 * @param {import('./show.js').Show} show
 * @param {import('../confirmation.js').Confirmation} confirmation
 */
export function mountPhaseView(show, confirmation) {
  let shown = 'preparing';
  let clock = null;
  byId('end').addEventListener('click', end);
  byId('again').addEventListener('click', () => show.prepare());
  // Back to the first page with what this one's address asks for, but for the stream.
  const home = new URLSearchParams(location.search);
  home.delete('stream');
  for (const id of ['home', 'over-home']) byId(id).search = home.toString();
  show.addEventListener('change', render);
  render();

  function render() {
    const part = partOf(show);
    document.body.dataset.phase = show.phase;
    byId('preparing').hidden = part !== 'preparing';
    byId('on-air').hidden = part !== 'on-air';
    byId('over').hidden = part !== 'over';
    byId('share').hidden = part === 'over';
    byId('banner').hidden = show.phase !== 'returning';
    byId('air').hidden = part !== 'on-air';
    setText(byId('on-air-title'), show.phase === 'returning' ? 'Coming back…' : 'You are live');
    setText(byId('stream-name'), part === 'on-air' ? show.name : '');
    if (show.farewell) {
      setText(byId('over-title'), show.farewell.title);
      setText(byId('over-text'), show.farewell.text);
    }
    keepTime(part === 'on-air');
    // Once, not at every change: it would take the focus from what someone is on.
    if (part !== shown) byId(`${part}-title`).focus();
    if (part !== shown && part === 'on-air') showAddress(show.name);
    shown = part;
  }

  function keepTime(isRunning) {
    if (isRunning === (clock !== null)) return;
    clearInterval(clock);
    clock = isRunning ? setInterval(tick, CLOCK_MS) : null;
    if (isRunning) tick();
  }

  function tick() {
    setText(byId('air-time'), duration(performance.now() - show.since));
  }

  async function end() {
    const viewers = Number(byId('on-air').dataset.viewers ?? 0);
    const text = viewers > 0 ? `${count(viewers, 'viewer')} will see that it is over.` : 'Nobody is watching at the moment.';
    if (await confirmation.ask({ title: 'End the stream?', text, yes: 'End it' })) show.end();
  }
}

function partOf({ phase }) {
  if (phase === 'over') return 'over';
  return phase === 'live' || phase === 'returning' ? 'on-air' : 'preparing';
}

/** The address leads back to this stream. */
function showAddress(name) {
  const address = new URL(location.href);
  address.searchParams.set('stream', name);
  history.replaceState(null, '', address);
}
