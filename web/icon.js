const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} name of a symbol of the page's icon sheet, without `icon-`
 * @param {string} [extra] a further class
 * @returns {SVGSVGElement}
 */
export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon ${extra}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  svg.append(use);
  return svg;
}
