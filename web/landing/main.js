/** The first page: leads on, and takes along what its own address asks for (see `options.js`). */

import { byId, setText } from '../dom.js';
import { isStreamName } from '../studio/name.js';

const parameters = new URLSearchParams(location.search);

for (const id of ['to-call', 'to-live']) byId(id).search = parameters.toString();

byId('room-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const room = byId('room-name').value.trim();
  const address = new URL('room.html', location.href);
  address.search = parameters.toString();
  if (room) address.searchParams.set('room', room);
  location.assign(address);
});

byId('watch-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = byId('watch-name');
  const stream = field.value.trim();
  const isName = isStreamName(stream);
  field.setAttribute('aria-invalid', String(!isName));
  setText(byId('watch-error'), isName ? '' : 'Say which: letters, digits and the signs - . _ ~');
  if (!isName) {
    field.focus();
    return;
  }
  const address = new URL(`watch/${stream}`, location.href);
  address.search = parameters.toString();
  location.assign(address);
});
