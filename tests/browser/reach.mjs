import assert from 'node:assert/strict';
import { until } from '../shared/waiting.mjs';

/** What every page must be, whoever uses it: within the window, named, and within reach of the keyboard. */

/** A phone held upright. */
export const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true };

/** Nothing sticks out to the right, and every button that is shown lies inside the window. */
export async function fits(seat) {
  const outside = await seat.page.evaluate(() => {
    const isOutside = ({ left, right }) => left < 0 || right > window.innerWidth;
    const shown = [...document.querySelectorAll('button, input')].filter((element) => element.checkVisibility());
    const names = shown.filter((element) => isOutside(element.getBoundingClientRect())).map((element) => element.id);
    return document.documentElement.scrollWidth > window.innerWidth ? [...names, 'the page itself'] : names;
  });
  assert.deepEqual(outside, []);
}

/** Everything that can be pressed or filled in has a name for a screen reader. */
export async function allAreNamed(seat) {
  const controls = await until('controls', async () => {
    const tree = await seat.page.accessibility.snapshot();
    return flat(tree).filter(({ role }) => ['button', 'textbox', 'alertdialog', 'dialog'].includes(role));
  }, (found) => found.length > 0);
  assert.deepEqual(controls.filter(({ name }) => !name).map(({ role }) => role), []);
}

/** Presses Tab until something of this accessible name has the focus; never more often than the page is long. */
export async function tabTo(seat, label) {
  const seen = [];
  for (let press = 0; press < 24; press += 1) {
    const { id, name } = await focused(seat);
    if (name === label) return;
    seen.push(name || id);
    await seat.page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not reach "${label}", only ${seen.join(', ')}`);
}

/** Waits until an element has the focus. */
export async function focusIsOn(seat, wanted) {
  await until(`the focus on ${wanted}`, () => focused(seat), ({ id }) => id === wanted);
}

function focused(seat) {
  return seat.page.evaluate(() => {
    const { id, ariaLabel, textContent } = document.activeElement;
    return { id, name: ariaLabel ?? textContent.trim().slice(0, 80) };
  });
}

function flat(node) {
  return [node, ...(node.children ?? []).flatMap(flat)];
}
