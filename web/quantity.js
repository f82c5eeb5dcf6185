/** Figures in words that people read. */

/** @param {number | null | undefined} bits per second @returns {string} empty where it is not known */
export function bitrate(bits) {
  if (bits === null || bits === undefined) return '';
  if (bits < 1000) return `${Math.round(bits)} bit/s`;
  if (bits < 1e6) return `${Math.round(bits / 1000)} kbit/s`;
  return `${(bits / 1e6).toFixed(1)} Mbit/s`;
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** @param {number} milliseconds @returns {string} minutes and seconds, with hours where there are any */
export function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const tail = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** @param {number} number @param {string} word @returns {string} such as `1 viewer`, `2 viewers` */
export function count(number, word) {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
