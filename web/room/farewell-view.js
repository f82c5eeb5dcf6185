import { byId, setText } from '../dom.js';

/**
 * The end of a visit: how it ended, and the way back in.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountFarewellView(visit) {
  byId('farewell-return').addEventListener('click', () => visit.returnToEntrance());
  let wasOutside = false;
  visit.addEventListener('change', () => {
    const isOutside = visit.place === 'outside';
    if (isOutside && !wasOutside) {
      setText(byId('farewell-title'), visit.farewell.title);
      setText(byId('farewell-text'), visit.farewell.text);
      byId('farewell-title').focus();
    }
    wasOutside = isOutside;
  });
}
