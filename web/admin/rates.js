/** Rates from counters: the difference of two answers over the time between them. */

export class Rates {
  #before = new Map();
  #now = new Map();
  #seconds = 0;
  #at;

  /** Begins the counters of a new answer. @param {number} at milliseconds of any steady clock */
  begin(at) {
    this.#seconds = this.#at === undefined ? 0 : (at - this.#at) / 1000;
    this.#at = at;
    this.#before = this.#now;
    this.#now = new Map();
  }

  /**
   * @param {string} key names the counter across answers
   * @param {number} value since the counted thing began
   * @returns {number | undefined} by how much it grew per second; `undefined` the first time and after it began anew
   */
  of(key, value) {
    this.#now.set(key, value);
    const before = this.#before.get(key);
    if (before === undefined || value < before || this.#seconds <= 0) return undefined;
    return (value - before) / this.#seconds;
  }
}

/** @param {number | undefined} lost per second @param {number | undefined} packets that came, per second */
export function lossShare(lost, packets) {
  if (lost === undefined || packets === undefined) return undefined;
  const all = Math.max(lost, 0) + packets;
  return all > 0 ? Math.max(lost, 0) / all : 0;
}
