/** A line of the last minute, drawn as the points of an SVG polyline. */

const SAMPLES_MAX = 60;

/** The samples of one line; past a minute the oldest leaves. */
export class Sparkline {
  #samples = [];

  /** @param {number} value not negative */
  push(value) {
    this.#samples.push(value);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** The greatest sample, 0 without any. */
  get peak() {
    return Math.max(0, ...this.#samples);
  }

  /**
   * @param {number} width of the drawing; the newest sample stands at its right edge
   * @param {number} height of the drawing
   * @param {number} top the value at the upper edge
   * @returns {string} for the `points` attribute
   */
  points(width, height, top) {
    const step = width / (SAMPLES_MAX - 1);
    const first = width - (this.#samples.length - 1) * step;
    return this.#samples
      .map((value, index) => `${(first + index * step).toFixed(1)},${(height - (height * value) / (top || 1)).toFixed(1)}`)
      .join(' ');
  }
}
