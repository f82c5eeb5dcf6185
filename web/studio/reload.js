/** A page that is loaded again while it presents goes on presenting: its viewers wait for it. */

const KEY = 'keel.live';

/** The page goes away, perhaps to be loaded again. @param {import('./show.js').Show} show */
export function leaveMark(show) {
  if (show.isOn) sessionStorage.setItem(KEY, JSON.stringify({ name: show.name, token: show.token }));
}

/**
 * What the page before left. It is there only while no page is: a duplicated tab presents nothing by itself.
 *
 * @returns {{name: string, token: string | null} | null}
 */
export function takeMark() {
  const mark = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return mark ? JSON.parse(mark) : null;
}
