import { byId, setText } from '../dom.js';
import { mountToggle } from '../equipment/toggle.js';

/**
 * What viewers see, and the buttons that change it.
 *
 * @param {import('./show.js').Show} show
 * @param {import('../equipment/equipment.js').Equipment} equipment
 */
export function mountSceneView(show, equipment) {
  const mirror = byId('mirror-video');
  const screen = byId('toggle-screen');
  mountToggle(byId('toggle-microphone'), 'audio', equipment);
  mountToggle(byId('toggle-camera'), 'video', equipment);
  // Phones cannot share their screens.
  screen.hidden = !navigator.mediaDevices?.getDisplayMedia;
  screen.addEventListener('click', () => (show.isSharing ? show.unshare() : show.share()));
  show.addEventListener('change', render);
  equipment.addEventListener('change', render);
  render();

  function render() {
    const { picture } = show;
    const [shown = null] = mirror.srcObject?.getVideoTracks() ?? [];
    if (shown !== picture) mirror.srcObject = picture ? new MediaStream([picture]) : null;
    mirror.hidden = picture === null;
    byId('mirror').classList.toggle('is-screen', show.isSharing);
    byId('controls').hidden = show.phase === 'over';
    setText(byId('mirror-note'), picture ? '' : noteOf(show, equipment));
    const label = show.isSharing ? 'Show the camera again' : 'Show your screen';
    if (screen.getAttribute('aria-label') !== label) screen.setAttribute('aria-label', label);
    screen.title = label;
    screen.classList.toggle('is-on', show.isSharing);
  }
}

function noteOf(show, equipment) {
  if (show.phase === 'over') return 'Nothing is sent any more.';
  if (!equipment.isPossible('video')) return 'Sound only';
  if (equipment.isOn('video')) return 'Starting the camera…';
  return equipment.problem('video') ? 'No camera' : 'Your camera is off';
}
