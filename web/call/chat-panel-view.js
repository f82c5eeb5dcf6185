import { mountChatView } from '../chat/chat-view.js';
import { byId } from '../dom.js';

/**
 * The panel of what the two of a call write to each other; its button is there while they can.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountChatPanelView(phone) {
  const panel = byId('chat');
  const toggle = byId('toggle-chat');
  const show = mountChatView((sentence) => phone.tell(sentence));
  toggle.addEventListener('click', () => open(panel.hidden));
  byId('close-chat').addEventListener('click', close);
  panel.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close();
  });
  phone.addEventListener('change', () => {
    toggle.disabled = phone.conversation === null;
    if (phone.conversation === null) open(false);
    show(phone.conversation);
  });

  function close() {
    open(false);
    toggle.focus();
  }

  function open(visible) {
    if (panel.hidden !== visible) return;
    panel.hidden = !visible;
    toggle.setAttribute('aria-expanded', String(visible));
    panel.dispatchEvent(new Event('toggle'));
  }
}
