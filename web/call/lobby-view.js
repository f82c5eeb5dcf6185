import { byId, drawFace, setText } from '../dom.js';

/** More names than this are not a list to read any more; calling by name always works. */
const SHOWN_MAX = 200;
const EMPTY = 'Nobody else is here yet. Open this page in a second tab, or send its address to someone.';

/**
 * Who is online, each with a call button; calling by name; what happened last.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountLobbyView(phone) {
  const rowsByName = new Map();
  const dialName = byId('dial-name');
  byId('dial-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const peer = dialName.value.trim();
    if (peer) phone.call(peer);
    else dialName.focus();
  });
  byId('sign-out').addEventListener('click', () => phone.signOut());

  let wasVisible = false;
  phone.addEventListener('change', render);
  render();

  function render() {
    const visible = phone.phase === 'ready' || phone.phase === 'ringing' || isReconnecting(phone);
    byId('lobby').hidden = !visible;
    byId('me').hidden = !visible;
    setText(byId('me-name'), phone.name ?? '');
    byId('dial-submit').disabled = phone.phase !== 'ready';
    renderPeople();
    // Coming from the form or from a call, the keyboard starts where the page has changed.
    if (visible && !wasVisible) byId('lobby-title').focus();
    wasVisible = visible;
  }

  function renderPeople() {
    const names = phone.online.slice(0, SHOWN_MAX);
    for (const [name, row] of rowsByName) {
      if (names.includes(name)) continue;
      row.remove();
      rowsByName.delete(name);
    }
    names.forEach((name, index) => {
      const row = rowsByName.get(name) ?? newRow(name);
      row.querySelector('button').disabled = phone.phase !== 'ready';
      // Moved only where the order differs: moving an element takes the focus away from its button.
      if (byId('online').children[index] !== row) byId('online').insertBefore(row, byId('online').children[index] ?? null);
    });
    byId('online-empty').hidden = names.length > 0;
    setText(byId('online-empty'), isReconnecting(phone) ? 'Waiting for the server…' : EMPTY);
  }

  function newRow(name) {
    const row = document.createElement('li');
    const face = document.createElement('span');
    face.className = 'face';
    face.setAttribute('aria-hidden', 'true');
    drawFace(face, name);
    const label = document.createElement('span');
    label.className = 'person';
    label.textContent = name;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Call';
    button.setAttribute('aria-label', `Call ${name}`);
    button.addEventListener('click', () => phone.call(name));
    row.append(face, label, button);
    rowsByName.set(name, row);
    return row;
  }
}

/** Registered before, and being registered again behind the banner. */
function isReconnecting(phone) {
  return phone.phase === 'registering' && phone.isReturning;
}
