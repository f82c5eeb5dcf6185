import { byId, drawFace, setText } from '../dom.js';
import { Ringtone } from './ringtone.js';

/**
 * The dialog of an incoming call. It takes the focus to its title, not to a button: someone who was typing must not
 * accept a call, and with it start the camera, by the next press of Enter.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountIncomingView(phone) {
  const dialog = byId('incoming');
  const ringtone = new Ringtone();
  byId('incoming-accept').addEventListener('click', () => phone.accept());
  byId('incoming-reject').addEventListener('click', () => phone.reject());
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault(); // the dialog closes by the phase, as in every other case
    phone.reject();
  });

  phone.addEventListener('change', () => {
    const ringing = phone.phase === 'ringing';
    if (ringing === dialog.open) return;
    if (!ringing) {
      ringtone.stop();
      dialog.close();
      return;
    }
    setText(byId('incoming-title'), phone.peer);
    drawFace(byId('incoming-face'), phone.peer);
    dialog.showModal();
    ringtone.start();
  });
}
