import { byId, setText } from '../dom.js';

/** Where this tab keeps the token. */
const TOKEN_KEY = 'keel-admin-token';

/** Who is in: the token of this tab, and the form that asks for it. */
export class Door {
  #onChange;

  /** @param {() => void} onChange somebody has come in or gone out */
  constructor(onChange) {
    this.#onChange = onChange;
    byId('door-form').addEventListener('submit', (event) => {
      event.preventDefault();
      sessionStorage.setItem(TOKEN_KEY, byId('door-token').value);
      byId('door-token').value = '';
      onChange();
    });
    byId('sign-out').addEventListener('click', () => this.close(''));
  }

  /** @returns {string | null} what was typed; `null` while nobody is in */
  get token() {
    return sessionStorage.getItem(TOKEN_KEY);
  }

  /** Forgets the token and asks for another one. @param {string} problem with the one before; empty for none */
  close(problem) {
    sessionStorage.removeItem(TOKEN_KEY);
    this.show(false);
    setText(byId('summary'), '');
    setText(byId('door-error'), problem);
    byId('door-token').focus();
    this.#onChange();
  }

  /** @param {boolean} isOpen whether what is behind it is shown */
  show(isOpen) {
    byId('door').hidden = isOpen;
    byId('floor').hidden = !isOpen;
    byId('sign-out').hidden = !isOpen;
  }
}
