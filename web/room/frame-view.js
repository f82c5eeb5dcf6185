import { byId, setText } from '../dom.js';

/**
 * What stays around everything: which part of the page is shown, the room's name, the address, the banner of a lost
 * connection, the dialogs that need no decision.
 *
 * @param {import('./visit.js').Visit} visit
 */
export function mountFrameView(visit) {
  byId('banner-retry').addEventListener('click', () => visit.room?.reconnect());
  byId('open-settings').addEventListener('click', () => byId('settings').showModal());
  byId('open-help').addEventListener('click', () => byId('help').showModal());
  // Back to the first page with what this one's address asks for, but for the room.
  const home = new URLSearchParams(location.search);
  home.delete('room');
  for (const id of ['home', 'farewell-home']) byId(id).search = home.toString();

  let place = null;
  visit.addEventListener('change', render);
  render();

  function render() {
    const isInside = visit.place === 'inside';
    document.body.dataset.place = visit.place;
    byId('entrance').hidden = visit.place !== 'entrance' && visit.place !== 'entering';
    byId('room').hidden = !isInside;
    byId('bar-tools').hidden = !isInside;
    byId('farewell').hidden = visit.place !== 'outside';
    byId('banner').hidden = visit.room?.state !== 'reconnecting';
    byId('room-lock').hidden = !visit.room?.locked;
    setText(byId('room-name'), visit.roomName);
    setText(byId('room-title'), `Room ${visit.roomName}`);
    document.title = visit.roomName ? `${visit.roomName} – Keel` : 'Room – Keel';
    if (visit.place === place) return;
    place = visit.place;
    if (!isInside) return;
    showAddress(visit.roomName);
    byId('room-title').focus();
  }
}

/** The address leads back into this room, also after a reload. */
function showAddress(roomName) {
  const address = new URL(location.href);
  if (address.searchParams.get('room') === roomName) return;
  address.searchParams.set('room', roomName);
  history.replaceState(null, '', address);
}
