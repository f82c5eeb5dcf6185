/** Waiting times between attempts to reach the server again. */

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/** Doubles the wait from half a second to ten seconds. */
export class Backoff {
  #attempts = 0;
  #random;

  /** @param {() => number} random a number in [0, 1) */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /**
   * @returns {number} milliseconds to wait before the next attempt. The upper half of it is random, so that
   *   the pages of a restarted server do not all come back in the same instant.
   */
  next() {
    const full = Math.min(FIRST_MS * 2 ** this.#attempts, LONGEST_MS);
    this.#attempts += 1;
    return Math.round(full / 2 + (full / 2) * this.#random());
  }

  /** The server was reached: the next loss starts small again. */
  reset() {
    this.#attempts = 0;
  }
}
