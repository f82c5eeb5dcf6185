import { byId, setText } from './dom.js';

/** Asks before what cannot be taken back. */
export class Confirmation {
  #dialog = byId('confirm');

  /**
   * @param {{title: string, text: string, yes: string}} question `yes`: what the button says that does it
   * @returns {Promise<boolean>}
   */
  ask({ title, text, yes }) {
    setText(byId('confirm-title'), title);
    setText(byId('confirm-text'), text);
    setText(byId('confirm-yes'), yes);
    this.#dialog.returnValue = 'no'; // what Escape answers
    this.#dialog.showModal();
    return new Promise((resolve) => {
      this.#dialog.addEventListener('close', () => resolve(this.#dialog.returnValue === 'yes'), { once: true });
    });
  }
}
