/**
 * Makes a sentence of what the server says, which may begin small and end without a stop.
 *
 * @param {string} text not empty
 * @returns {string}
 */
export function asSentence(text) {
  const trimmed = text.trim();
  const stop = /[.!?…]$/.test(trimmed) ? '' : '.';
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${stop}`;
}
