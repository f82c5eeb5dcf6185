import { byId } from '../dom.js';

/**
 * The choice of how much of the picture comes, where it is sent in several sizes.
 *
 * @param {import('./watching.js').Watching} watching
 */
export function mountQualityView(watching) {
  const select = byId('quality');
  let drawn = 0;
  select.addEventListener('change', () => watching.wantAtMost(select.value === AUTOMATIC ? null : Number(select.value)));
  watching.addEventListener('change', render);
  render();

  function render() {
    const { sizes, limit } = watching;
    byId('quality-row').hidden = sizes < 2;
    // Drawn again only where they differ: a list that someone has open would close.
    if (drawn !== sizes) {
      const options = namesOf(sizes).map((name, spatial) => new Option(name, String(spatial)));
      select.replaceChildren(new Option('Automatic', AUTOMATIC), ...options.reverse());
      drawn = sizes;
    }
    const wanted = limit === null ? AUTOMATIC : String(Math.min(limit, sizes - 1));
    if (select.value !== wanted) select.value = wanted;
  }
}

const AUTOMATIC = 'automatic';

/** @param {number} sizes @returns {string[]} what they are called, the least first */
export function namesOf(sizes) {
  switch (sizes) {
    case 0:
    case 1:
      return [];
    case 2:
      return ['Low', 'High'];
    case 3:
      return ['Low', 'Medium', 'High'];
    default:
      return Array.from({ length: sizes }, (_, spatial) => `Size ${spatial + 1}`);
  }
}
