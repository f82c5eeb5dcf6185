import { byId, drawFace, setText } from '../dom.js';
import { duration } from '../quantity.js';

const PHASES = ['preparing', 'calling', 'answering', 'talking'];

/**
 * The call itself: both pictures, who it is, how long, and the buttons.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountStageView(phone) {
  const remote = byId('remote-video');
  const local = byId('local-video');
  let clock = null;
  let wasVisible = false;

  byId('hang-up').addEventListener('click', () => phone.hangUp());
  mountToggle(byId('toggle-microphone'), 'audio', phone, { on: 'Mute microphone', off: 'Unmute microphone', none: 'No microphone' });
  mountToggle(byId('toggle-camera'), 'video', phone, { on: 'Turn camera off', off: 'Turn camera on', none: 'No camera' });
  remote.addEventListener('resize', render);
  phone.addEventListener('change', render);
  render();

  function render() {
    const visible = PHASES.includes(phone.phase);
    byId('stage').hidden = !visible;
    show(remote, visible ? (phone.connection?.remoteStream ?? null) : null);
    show(local, phone.localStream);
    local.hidden = phone.isSending('video') !== true;
    byId('stage-waiting').hidden = remote.videoWidth > 0 && phone.connectedAt !== null;
    keepTime();
    if (!visible) {
      wasVisible = false;
      return;
    }
    setText(byId('stage-peer'), phone.peer);
    setText(byId('stage-status'), status(phone));
    drawFace(byId('stage-face'), phone.peer);
    byId('stage-face').classList.toggle('face-ringing', phone.phase === 'calling');
    // Once, not at every change: it would take the focus from the button that someone is on.
    if (!wasVisible) byId('stage-peer').focus();
    wasVisible = true;
  }

  function keepTime() {
    const running = phone.connectedAt !== null;
    byId('stage-duration').hidden = !running;
    if (running === (clock !== null)) return;
    clearInterval(clock);
    clock = running ? setInterval(tick, 500) : null;
    if (running) tick();
  }

  function tick() {
    setText(byId('stage-duration'), duration(performance.now() - phone.connectedAt));
  }
}

/** A button that sends or withholds one kind; `labels` say what a press would do. */
function mountToggle(button, kind, phone, labels) {
  button.addEventListener('click', () => phone.setSending(kind, !phone.isSending(kind)));
  phone.addEventListener('change', render);
  render();

  function render() {
    const sending = phone.isSending(kind);
    const label = sending === null ? labels.none : sending ? labels.on : labels.off;
    button.disabled = sending === null;
    button.classList.toggle('is-off', sending !== true);
    button.setAttribute('aria-label', label);
    button.title = label;
  }
}

function show(video, stream) {
  if (video.srcObject !== stream) video.srcObject = stream;
}

function status(phone) {
  switch (phone.phase) {
    case 'preparing':
    case 'answering':
      return phone.connection ? 'Connecting…' : 'Starting camera and microphone…';
    case 'calling':
      return 'Calling…';
    default:
      if (phone.connectedAt === null) return 'Connecting…';
      return phone.connection.state === 'disconnected' ? 'The connection is unstable…' : '';
  }
}
