/**
 * Makes what is shown look like what was drawn anew, and keeps every element that can stay: the focus, an open list, a
 * place that was scrolled to. What has a `data-key` is the same thing wherever it stands; an element that the user has
 * opened stays open.
 *
 * @param {Element} place
 * @param {Node[]} drawn its children from now on
 */
export function morph(place, drawn) {
  const keys = new Set(drawn.map(keyOf).filter(Boolean));
  for (const child of [...place.children]) {
    if (keyOf(child) && !keys.has(keyOf(child))) child.remove();
  }
  const kept = new Map([...place.children].filter(keyOf).map((child) => [keyOf(child), child]));
  let next = place.firstChild;
  for (const node of drawn) {
    const same = keyOf(node) ? kept.get(keyOf(node)) : next;
    if (!same || !isAlike(same, node)) {
      place.insertBefore(node, next);
      continue;
    }
    if (same === next) next = next.nextSibling;
    else place.insertBefore(same, next);
    become(same, node);
  }
  while (next) {
    const rest = next.nextSibling;
    next.remove();
    next = rest;
  }
}

function become(shown, drawn) {
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    if (shown.nodeValue !== drawn.nodeValue) shown.nodeValue = drawn.nodeValue;
    return;
  }
  for (const { name } of [...shown.attributes]) {
    if (!drawn.hasAttribute(name) && name !== 'open') shown.removeAttribute(name);
  }
  for (const { name, value } of drawn.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  morph(shown, [...drawn.childNodes]);
}

function isAlike(shown, drawn) {
  return shown.nodeName === drawn.nodeName && keyOf(shown) === keyOf(drawn);
}

function keyOf(node) {
  return node.dataset?.key;
}
