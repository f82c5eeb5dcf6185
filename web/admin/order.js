import { byId, setText } from '../dom.js';
import { html } from './html.js';

/**
 * A button that gives an order to the server, after a question.
 *
 * @param {string} label
 * @param {{method: string, path: string, title: string, text: string, yes: string, name?: string}} order `path`: below
 *   `/api/`; `title`, `text`, `yes`: see `Confirmation`; `name`: for screen readers, where the label says too little
 */
export function orderButton(label, { method, path, title, text, yes, name }) {
  const order = { 'data-method': method, 'data-path': path, 'data-title': title, 'data-text': text, 'data-yes': yes };
  return html('button', { type: 'button', class: 'small', 'data-key': `${method} ${path}`, 'aria-label': name, ...order }, label);
}

/**
 * Carries out what is pressed anywhere on the page: the buttons are drawn anew again and again.
 *
 * @param {import('../confirmation.js').Confirmation} confirmation
 * @param {(method: string, path: string) => Promise<{problem?: string, refused?: string}>} give
 */
export function mountOrders(confirmation, give) {
  document.addEventListener('click', async ({ target }) => {
    const button = target.closest('button[data-path]');
    if (!button) return;
    const { method, path, title, text, yes } = button.dataset;
    if (!(await confirmation.ask({ title, text, yes }))) return;
    const { problem = '', refused = '' } = await give(method, path);
    setText(byId('problem'), problem || refused);
  });
}
