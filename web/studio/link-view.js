import { byId, setText } from '../dom.js';
import { isStreamName } from './name.js';

/**
 * The link for viewers. It follows the name while that is typed.
 *
 * @param {import('./show.js').Show} show
 */
export function mountLinkView(show) {
  const link = byId('link');
  byId('copy').addEventListener('click', copy);
  byId('name').addEventListener('input', render);
  show.addEventListener('change', render);
  render();

  function render() {
    const typed = byId('name').value.trim();
    const name = show.phase === 'preparing' && isStreamName(typed) ? typed : show.name;
    link.value = new URL(`/watch/${name}`, location.href).href;
    byId('link-token').hidden = !show.asksForToken && show.token === null;
  }

  async function copy() {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      setText(byId('copied'), 'The link is in the clipboard.');
    } catch {
      setText(byId('copied'), 'This browser did not allow copying. The link is selected: copy it yourself.');
    }
  }
}
