import { byId } from '../dom.js';
import { mountToggle } from '../equipment/toggle.js';

/**
 * The buttons for what we send, and for leaving.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountControlsView(visit) {
  const screen = byId('toggle-screen');
  mountToggle(byId('toggle-microphone'), 'audio', visit.equipment, 'M');
  mountToggle(byId('toggle-camera'), 'video', visit.equipment, 'V');
  byId('leave').addEventListener('click', () => visit.leave());
  screen.addEventListener('click', () => {
    const { broadcast } = visit;
    if (broadcast?.isSharing) broadcast.unshare();
    else broadcast?.share();
  });
  // Phones cannot share their screens.
  screen.hidden = !navigator.mediaDevices?.getDisplayMedia;

  let wasInside = false;
  visit.addEventListener('change', render);
  visit.equipment.addEventListener('change', tellProblem);
  render();

  function render() {
    const isSharing = visit.broadcast?.isSharing ?? false;
    const label = isSharing ? 'Stop sharing your screen' : 'Share your screen';
    if (screen.getAttribute('aria-label') !== label) screen.setAttribute('aria-label', label);
    screen.title = `${label} (S)`;
    screen.classList.toggle('is-on', isSharing);
    wasInside = visit.place === 'inside';
  }

  let told = null;

  /** Inside there is no place where a problem would stand, so it is said once. */
  function tellProblem() {
    const problem = visit.equipment.problem('video') ?? visit.equipment.problem('audio');
    if (problem !== told && problem && wasInside) visit.tell(problem);
    told = problem;
  }
}
