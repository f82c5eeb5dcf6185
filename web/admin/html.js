/** Makes HTML elements. Text from the network only ever becomes a text node or the value of an attribute. */

/**
 * @param {string} name such as `li`
 * @param {Record<string, string | number | boolean | undefined>} attributes one that is `undefined` or false is left out
 * @param {...(Node | string | null)} children `null`: nothing
 * @returns {HTMLElement}
 */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * A table with a row for each of `rows`, whose first cell is its head.
 *
 * @param {string} caption for screen readers; by keyboard the table is scrolled
 * @param {string[]} columns their heads
 * @param {(Node | string)[][]} rows
 */
export function table(caption, columns, rows) {
  return html('div', { class: 'table', role: 'region', 'aria-label': caption, tabindex: 0 }, html('table', {},
    html('caption', { class: 'unseen' }, caption),
    html('thead', {}, html('tr', {}, ...columns.map((column) => html('th', { scope: 'col' }, column)))),
    html('tbody', {}, ...rows.map(([head, ...cells]) =>
      html('tr', {}, html('th', { scope: 'row' }, head), ...cells.map((cell) => html('td', {}, cell))))),
  ));
}
