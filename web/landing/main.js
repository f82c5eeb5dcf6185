/** The first page: leads on, and takes along what its own address asks for (see `options.js`). */

import { byId } from '../dom.js';

const parameters = new URLSearchParams(location.search);

byId('to-call').search = parameters.toString();

byId('room-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const room = byId('room-name').value.trim();
  const address = new URL('room.html', location.href);
  address.search = parameters.toString();
  if (room) address.searchParams.set('room', room);
  location.assign(address);
});
