/** Keel's page for viewers of a livestream: the parts, put together. Start reading at `watching.js`. */

import { fetchConfig } from '../config.js';
import { readOptions, serverAddress } from '../options.js';
import { mountFiguresView } from './figures-view.js';
import { mountMessageView } from './message-view.js';
import { mountPictureView } from './picture-view.js';
import { mountQualityView } from './quality-view.js';
import { Watching } from './watching.js';

const { accessToken } = readOptions(location.search);
const watching = new Watching({
  name: nameIn(location.pathname),
  token: accessToken,
  // Asked for anew with every connection: TURN credentials expire.
  iceServers: async (token) => (await fetchConfig(serverAddress('/api/config', token, location))).iceServers,
});

mountMessageView(watching);
mountPictureView(watching);
mountQualityView(watching);
mountFiguresView(watching);
window.addEventListener('pagehide', () => watching.leave());
// A page that comes back out of the browser's memory has left.
window.addEventListener('pageshow', ({ persisted }) => persisted && watching.join());
watching.join();

/** The last part of the address; as it stands there where it is no percent-encoded text. */
function nameIn(path) {
  const part = path.split('/').at(-1);
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
