/** Names of streams, as the server takes them. */

/** What a name may be: what stands in an address as it is. */
const VALID = /^(?!\.{1,2}$)[A-Za-z0-9._~-]{1,64}$/;

/** Letters and digits that nobody takes for one another. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';

/** Letters of a drawn name: nobody guesses 31^10. */
const DRAWN_LENGTH = 10;

/** @param {string} name */
export function isStreamName(name) {
  return VALID.test(name);
}

/** @returns {string} a name that nobody else has, and nobody guesses */
export function drawName() {
  const numbers = crypto.getRandomValues(new Uint32Array(DRAWN_LENGTH));
  return Array.from(numbers, (number) => LETTERS[number % LETTERS.length]).join('');
}
