import { byId } from '../dom.js';

const PANELS = ['chat', 'people'];

/**
 * The panels at the side, of which one is open at most.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountPanels(visit) {
  for (const id of PANELS) {
    byId(`toggle-${id}`).addEventListener('click', () => open(byId(id).hidden ? id : null));
    byId(`close-${id}`).addEventListener('click', () => {
      open(null);
      byId(`toggle-${id}`).focus();
    });
    byId(id).addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      open(null);
      byId(`toggle-${id}`).focus();
    });
  }
  visit.addEventListener('change', () => {
    if (visit.place !== 'inside') open(null);
  });
}

/** Tells what it opens or closes by an event of that panel, `toggle`. */
function open(wanted) {
  for (const id of PANELS) {
    const panel = byId(id);
    const hidden = id !== wanted;
    if (panel.hidden === hidden) continue;
    panel.hidden = hidden;
    byId(`toggle-${id}`).setAttribute('aria-expanded', String(!hidden));
    panel.dispatchEvent(new Event('toggle'));
  }
  document.body.dataset.panel = wanted ?? '';
}
