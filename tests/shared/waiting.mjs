/** Waiting for conditions: the stories never wait for time. */

/** How often a condition is looked at. */
const LOOK_EVERY_MS = 100;

/** Long enough for two shared cores that also build something else; a story that works takes a few seconds. */
export const PATIENCE_MS = 30_000;

/**
 * Looks until something is so.
 *
 * @template T
 * @param {string} what words for the failure: what was waited for
 * @param {() => T | Promise<T>} look returns what it sees now
 * @param {(seen: T) => boolean} isSo whether that is it
 * @param {number} withinMs the bound
 * @returns {Promise<T>} what was seen when it was so
 * @throws {Error} at the bound, with what was seen last
 */
export async function until(what, look, isSo = Boolean, withinMs = PATIENCE_MS) {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for: ${what}; seen last: ${JSON.stringify(seen)}`);
    await new Promise((resume) => setTimeout(resume, LOOK_EVERY_MS));
  }
}
