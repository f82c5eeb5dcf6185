/**
 * Which pictures are on the screen, and how large: what the server needs to send each in the quality that its tile can
 * show, and nothing for a tile that nobody sees.
 *
 * Events: `change` (`wanted` may differ), at most every 150 ms.
 */
export class Viewport extends EventTarget {
  #tilesByElement = new Map();
  #observer = new ResizeObserver(() => this.#changed());
  #timer = null;
  #onVisibility = () => this.#changed();

  constructor() {
    super();
    document.addEventListener('visibilitychange', this.#onVisibility);
  }

  /**
   * Follows the size of the element that shows a track, in place of what it showed before.
   *
   * @param {string} track its id
   * @param {Element} element
   * @param {number} priority 1 for an ordinary tile; more goes before others on a narrow path
   */
  show(track, element, priority = 1) {
    this.#tilesByElement.set(element, { track, priority });
    this.#observer.observe(element);
    this.#changed();
  }

  /** The element shows nothing any more. */
  hide(element) {
    this.#tilesByElement.delete(element);
    this.#observer.unobserve(element);
    this.#changed();
  }

  /** @returns {{track: string, width: number, height: number, priority: number}[]} in device pixels, by track */
  get wanted() {
    if (document.visibilityState === 'hidden') return [];
    const tiles = [...this.#tilesByElement].map(([element, tile]) => {
      const { width, height } = element.getBoundingClientRect();
      return { ...tile, width: Math.round(width * devicePixelRatio), height: Math.round(height * devicePixelRatio) };
    });
    return largest(tiles);
  }

  /** Stops watching. */
  end() {
    clearTimeout(this.#timer);
    this.#observer.disconnect();
    document.removeEventListener('visibilitychange', this.#onVisibility);
    this.#tilesByElement.clear();
  }

  #changed() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.dispatchEvent(new Event('change'));
    }, SETTLE_MS);
  }
}

/** While a window is drawn larger its tiles change with every frame. */
const SETTLE_MS = 150;

/**
 * One entry for each track, as large as its largest tile. What has no size is not on the screen.
 *
 * @param {{track: string, width: number, height: number, priority: number}[]} tiles
 */
export function largest(tiles) {
  const byTrack = new Map();
  for (const tile of tiles) {
    if (tile.width === 0 || tile.height === 0) continue;
    const known = byTrack.get(tile.track);
    if (!known) byTrack.set(tile.track, tile);
    else if (known.width * known.height < tile.width * tile.height) byTrack.set(tile.track, { ...tile, priority: Math.max(tile.priority, known.priority) });
    else byTrack.set(tile.track, { ...known, priority: Math.max(tile.priority, known.priority) });
  }
  return [...byTrack.values()];
}
