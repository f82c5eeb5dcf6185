import { byId } from '../dom.js';

/** What can be shown with one press, with the word that is read out for it. */
const REACTIONS = [['👍', 'thumbs up'], ['👏', 'applause'], ['❤️', 'heart'], ['😂', 'laughter'], ['😮', 'surprise'], ['✋', 'raised hand']];

/** @returns {string} the word for a reaction, or itself where it has none here */
export function wordFor(reaction) {
  return REACTIONS.find(([symbol]) => symbol === reaction)?.[1] ?? reaction;
}

/**
 * The choice of reactions. Those of the others rise over their tiles.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountReactionsView(visit) {
  const choice = byId('reactions');
  const toggle = byId('toggle-reactions');
  for (const [symbol, word] of REACTIONS) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'reaction';
    button.textContent = symbol;
    button.setAttribute('aria-label', word);
    button.title = word;
    button.addEventListener('click', () => {
      visit.attempt(visit.room.react(symbol));
      open(false);
      toggle.focus();
    });
    choice.append(button);
  }
  toggle.addEventListener('click', () => {
    open(choice.hidden);
    if (!choice.hidden) choice.firstElementChild.focus();
  });
  choice.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    open(false);
    toggle.focus();
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (!choice.contains(target) && !toggle.contains(target)) open(false);
  });
  visit.addEventListener('change', () => {
    if (visit.place !== 'inside') open(false);
  });

  function open(visible) {
    choice.hidden = !visible;
    toggle.setAttribute('aria-expanded', String(visible));
  }
}
