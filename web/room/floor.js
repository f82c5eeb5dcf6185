/** Where tiles stand: geometry and choice, without any DOM. */

const GAP = 10;
/** Cameras deliver this form; a tile is no wider. */
const WIDEST = 16 / 9;
/** What a picture may be cropped to: little where the area is wide, more on a phone held upright. */
const NARROWEST = { wide: 4 / 3, upright: 3 / 4 };
/** A face in a smaller tile is not recognised. */
const LEAST = { width: 136, height: 100 };
/** Above it a tile is no longer looked at. */
const SHOWN_MAX = 25;
/** Where the strip stands beside the large tile instead of below it. */
const WIDE = 1.25;

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Place in pixels
 */

/**
 * As large as they can be, all of one size, the last row in the middle.
 *
 * @param {number} count
 * @param {{width: number, height: number}} area
 * @returns {Place[]} as many as fit legibly
 */
export function grid(count, area) {
  const shown = Math.min(count, fitting(area));
  let best = null;
  for (let columns = 1; columns <= shown; columns += 1) {
    const rows = Math.ceil(shown / columns);
    const cell = { width: (area.width - GAP * (columns - 1)) / columns, height: (area.height - GAP * (rows - 1)) / rows };
    const tile = shape(cell, area.width > area.height ? NARROWEST.wide : NARROWEST.upright);
    if (!best || tile.width * tile.height > best.tile.width * best.tile.height) best = { columns, rows, tile };
  }
  if (!best) return [];
  const { columns, rows, tile } = best;
  const top = (area.height - rows * tile.height - (rows - 1) * GAP) / 2;
  return Array.from({ length: shown }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? shown - row * columns : columns;
    const left = (area.width - inRow * tile.width - (inRow - 1) * GAP) / 2;
    return place(left + (index % columns) * (tile.width + GAP), top + row * (tile.height + GAP), tile.width, tile.height);
  });
}

/**
 * One large tile, and small ones in a strip beside it; below it where the area is upright.
 *
 * @param {number} count of all tiles, the large one first
 * @param {{width: number, height: number}} area
 * @returns {Place[]} as many as fit legibly
 */
export function spotlight(count, area) {
  if (count <= 1) return grid(count, area);
  return area.width > WIDE * area.height ? beside(count - 1, area) : below(count - 1, area);
}

function beside(count, area) {
  const width = clamp(area.width * 0.17, 140, 240);
  const height = (width * 9) / 16;
  const shown = Math.min(count, Math.max(1, Math.floor((area.height + GAP) / (height + GAP))));
  const top = (area.height - shown * (height + GAP) + GAP) / 2;
  const left = area.width - width;
  const large = place(0, 0, left - GAP, area.height);
  return [large, ...Array.from({ length: shown }, (_, index) => place(left, top + index * (height + GAP), width, height))];
}

function below(count, area) {
  const height = Math.min(area.width, area.height * 0.65);
  const rest = { width: area.width, height: area.height - height - GAP };
  const others = grid(count, rest).map((small) => ({ ...small, y: small.y + Math.round(height + GAP) }));
  return [place(0, 0, area.width, height), ...others];
}

/**
 * Which tiles are shown, and in which order: those of the last round stay where they are as far as they can, and who
 * speaks is never left out.
 *
 * @param {string[]} all tiles, the oldest first
 * @param {string[]} before as shown last
 * @param {Set<string>} urgent tiles that must be seen
 * @param {number} room how many can be shown
 * @returns {string[]}
 */
export function choose(all, before, urgent, room) {
  const present = new Set(all);
  const known = before.filter((tile) => present.has(tile));
  const order = [...known, ...all.filter((tile) => !known.includes(tile))];
  const shown = order.slice(0, room);
  for (const tile of order.slice(room)) {
    if (!urgent.has(tile)) continue;
    const place = shown.findLastIndex((candidate) => !urgent.has(candidate));
    if (place === -1) break;
    shown[place] = tile;
  }
  return shown;
}

/** @returns {number} how many tiles can be told apart in an area */
export function fitting({ width, height }) {
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST.width + GAP)));
  const rows = Math.max(1, Math.floor((height + GAP) / (LEAST.height + GAP)));
  return Math.min(SHOWN_MAX, columns * rows);
}

/** The largest tile of a bearable form inside a cell. */
function shape({ width, height }, narrowest) {
  return { width: Math.max(0, Math.min(width, height * WIDEST)), height: Math.max(0, Math.min(height, width / narrowest)) };
}

function place(x, y, width, height) {
  return { x: Math.round(x), y: Math.round(y), width: Math.floor(width), height: Math.floor(height) };
}

function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}
