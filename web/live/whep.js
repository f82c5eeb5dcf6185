/** Plays a stream by WHEP (draft-ietf-wish-whep). */

import { LiveSession } from './session.js';

export { LiveError } from './request.js';

/**
 * @param {string | URL} url such as `/whep/NAME`
 * @param {string} [token] shown to the server, where it asks for one
 * @param {RTCIceServer[]} [iceServers] for networks that let nothing through to the server itself
 * @returns {Promise<Playback>} once the server has answered; its `stream` plays when the presenter is there
 * @throws {LiveError} when the server refuses; `retryAfter` says when to ask again for a stream that has not begun
 */
export async function play(url, token, iceServers = []) {
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers });
  const playback = new Playback(connection, token);
  for (const kind of ['audio', 'video']) {
    const { receiver } = connection.addTransceiver(kind, { direction: 'recvonly' });
    playback.stream.addTrack(receiver.track);
  }
  await playback.begin(new URL(url, location.href));
  return playback;
}

/** A stream that plays. */
export class Playback extends LiveSession {
  /** For the `srcObject` of a video element. */
  stream = new MediaStream();

  /**
   * The most of the picture that is wanted. Below it the server goes on choosing what the network carries.
   *
   * @param {{spatial?: number, temporal?: number}} layer counted from 0, the least; what is left out has no bound
   */
  async limit({ spatial, temporal } = {}) {
    await this.ask('POST', 'layer', { spatial, temporal });
  }
}
