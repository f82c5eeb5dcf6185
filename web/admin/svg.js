/** Makes SVG elements. Text from the network only ever becomes a text node. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} name such as `rect`
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}
