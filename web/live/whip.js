/** Publishes a stream by WHIP (RFC 9725). */

import { degradation, sendEncodings } from '../client/encodings.js';
import { LiveSession } from './session.js';

export { LiveError } from './session.js';

/**
 * @param {MediaStream} stream what to show: one picture and one sound at most
 * @param {string | URL} url such as `/whip/NAME`
 * @param {string} [token] shown to the server, where it asks for one
 * @returns {Promise<LiveSession>} once the server has answered; `state` becomes `live` when it is connected
 * @throws {LiveError} when the server refuses
 */
export async function publish(stream, url, token) {
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  for (const track of stream.getTracks()) {
    const source = track.kind === 'video' ? 'camera' : 'screenAudio'; // sound that may be music
    const { height = 0 } = track.getSettings();
    const encodings = sendEncodings(source, height);
    const options = { direction: 'sendonly', streams: [stream], sendEncodings: unnamed(encodings) };
    const { sender } = connection.addTransceiver(track, options);
    if (track.kind === 'video') prefer(sender, degradation(source));
  }
  const session = new LiveSession(connection, token);
  await session.begin(new URL(url, location.href));
  return session;
}

/** A single encoding needs no name; with one it would be simulcast of one. */
function unnamed(encodings) {
  if (encodings.length > 1) return encodings;
  return encodings.map(({ rid, ...encoding }) => encoding);
}

function prefer(sender, preference) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = preference;
  sender.setParameters(parameters).catch(() => {}); // browsers without it decide for themselves
}
