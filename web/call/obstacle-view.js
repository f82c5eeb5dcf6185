import { byId, setText } from '../dom.js';

/**
 * The question whether to go on with a call without camera and microphone.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountObstacleView(phone) {
  const dialog = byId('obstacle');
  byId('obstacle-continue').addEventListener('click', () => phone.continueWithoutDevices());
  byId('obstacle-cancel').addEventListener('click', () => phone.hangUp());
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault(); // the dialog closes when the question is settled
    phone.hangUp();
  });

  phone.addEventListener('change', () => {
    const { obstacle } = phone;
    if ((obstacle !== null) === dialog.open) return;
    if (obstacle === null) {
      dialog.close();
      return;
    }
    setText(byId('obstacle-text'), obstacle);
    dialog.showModal();
  });
}
