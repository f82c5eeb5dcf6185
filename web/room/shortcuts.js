import { byId } from '../dom.js';

/** By key, the button that it presses and what it does in words. */
const SHORTCUTS = [
  ['m', 'toggle-microphone', 'Microphone on or off'],
  ['v', 'toggle-camera', 'Camera on or off'],
  ['s', 'toggle-screen', 'Share your screen, or stop'],
  ['c', 'toggle-chat', 'Chat'],
  ['p', 'toggle-people', 'People and invitation'],
  ['r', 'toggle-reactions', 'React'],
  ['g', 'toggle-view', 'Everybody alike, or who speaks'],
  ['?', 'open-help', 'These shortcuts'],
];

/** The keys of the room, and the list of them. Each does what its button does. */
export function mountShortcuts() {
  for (const [key, , meaning] of SHORTCUTS) {
    const term = document.createElement('dt');
    const cap = document.createElement('kbd');
    cap.textContent = key.toUpperCase();
    term.append(cap);
    const description = document.createElement('dd');
    description.textContent = meaning;
    byId('keys').append(term, description);
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isWriting(event.target)) return;
    if (document.querySelector('dialog[open]')) return;
    const shortcut = SHORTCUTS.find(([key]) => key === event.key.toLowerCase());
    const button = shortcut && byId(shortcut[1]);
    if (!button?.checkVisibility() || button.disabled) return;
    event.preventDefault();
    button.click();
  });
}

function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName));
}
