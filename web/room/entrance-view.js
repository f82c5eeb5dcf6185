import { byId, setText } from '../dom.js';
import { Level } from '../equipment/level.js';
import { mountToggle } from '../equipment/toggle.js';

const REMEMBERED_NAME = 'keel.room.name';
/** As often as a meter needs to look alive. */
const METER_MS = 80;

/**
 * The look in the mirror before one enters: camera, microphone level, devices, name.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountEntranceView(visit) {
  const { equipment } = visit;
  const name = byId('entrance-name');
  const mirror = byId('mirror-video');
  const level = new Level();
  let timer = null;
  let wasVisible = false;
  let isNameMissing = false;

  name.value = localStorage.getItem(REMEMBERED_NAME) ?? '';
  byId('entrance-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const given = name.value.trim();
    isNameMissing = !given;
    render();
    if (isNameMissing) {
      name.focus();
      return;
    }
    localStorage.setItem(REMEMBERED_NAME, given);
    visit.enter(given);
  });
  mountToggle(byId('check-microphone'), 'audio', equipment);
  mountToggle(byId('check-camera'), 'video', equipment);
  equipment.addEventListener('change', render);
  visit.addEventListener('change', render);
  render();

  function render() {
    const isVisible = visit.place === 'entrance' || visit.place === 'entering';
    const isEntering = visit.place === 'entering';
    setText(byId('entrance-title'), visit.roomName ? `Enter ${visit.roomName}` : 'Enter a new room');
    byId('entrance-submit').disabled = isEntering;
    setText(byId('entrance-submit'), isEntering ? 'Entering…' : 'Enter');
    const error = isNameMissing ? 'Say what the others may call you.' : (visit.refusal ?? '');
    setText(byId('entrance-error'), error);
    name.setAttribute('aria-invalid', String(error !== ''));
    reflect();
    measure(isVisible);
    if (isVisible && !wasVisible) name.focus();
    wasVisible = isVisible;
  }

  function reflect() {
    const track = equipment.track('video');
    const [shown = null] = mirror.srcObject?.getVideoTracks() ?? [];
    if (shown !== track) mirror.srcObject = track ? new MediaStream([track]) : null;
    mirror.hidden = track === null;
    setText(byId('mirror-note'), track ? '' : noteOf(equipment));
    const problems = [equipment.problem('audio'), equipment.problem('video')].filter(Boolean);
    setText(byId('entrance-problem'), [...new Set(problems)].join(' '));
  }

  function measure(isVisible) {
    const track = isVisible && equipment.isOn('audio') ? equipment.track('audio') : null;
    level.listen(track);
    clearInterval(timer);
    byId('meter').value = 0;
    if (track) timer = setInterval(() => { byId('meter').value = level.read(); }, METER_MS);
    if (!isVisible) level.close();
  }
}

function noteOf(equipment) {
  if (!equipment.isPossible('video')) return 'This visit is without a camera.';
  if (equipment.isOn('video')) return 'Starting the camera…';
  return equipment.problem('video') ? 'No camera' : 'Your camera is off';
}
