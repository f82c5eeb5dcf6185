/** The few things every view does to the document. Text from the network only ever becomes a text node. */

/** @returns {HTMLElement} the element of the page that has this id */
export function byId(id) {
  return document.getElementById(id);
}

/** Sets the text only where it differs, so that a screen reader does not read the same words again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Draws a person's initial on a colour that stays the same for a name. */
export function drawFace(element, name) {
  const [initial = '?'] = name;
  setText(element, initial.toUpperCase());
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  element.dataset.hue = String(sum % HUES);
}

/** How many `data-hue` colours lobby.css has. */
const HUES = 6;
