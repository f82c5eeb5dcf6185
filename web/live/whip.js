/** Publishes a stream by WHIP (RFC 9725). */

import { degradation, sendEncodings } from '../client/encodings.js';
import { LiveSession } from './session.js';

export { LiveError } from './request.js';

/**
 * @param {MediaStream} stream what to show: one picture and one sound at most. What is missing can come later
 * @param {string | URL} url such as `/whip/NAME`
 * @param {string} [token] shown to the server, where it asks for one
 * @param {RTCIceServer[]} [iceServers] for networks that let nothing through to the server itself
 * @returns {Promise<Publication>} once the server has answered; `state` becomes `live` when it is connected
 * @throws {LiveError} when the server refuses
 */
export async function publish(stream, url, token, iceServers = []) {
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers });
  for (const [kind, source] of Object.entries(USUAL)) {
    const [track] = stream.getTracks().filter((candidate) => candidate.kind === kind);
    const encodings = sendEncodings(source, track?.getSettings().height ?? 0);
    const options = { direction: 'sendonly', streams: [stream], sendEncodings: unnamed(encodings) };
    const { sender } = connection.addTransceiver(track ?? kind, options);
    if (kind === 'video') prefer(sender, degradation(source));
  }
  const session = new Publication(connection, token);
  await session.begin(new URL(url, location.href));
  return session;
}

/** A stream that is published. */
export class Publication extends LiveSession {
  /**
   * Shows another track in the place of the one of this kind.
   *
   * @param {'audio' | 'video'} kind
   * @param {MediaStreamTrack | null} track `null`: nothing
   * @param {'camera' | 'screen'} [source] what a picture is of: a screen is sent sharper and slower
   */
  async replace(kind, track, source = 'camera') {
    const senders = this.connection.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind);
    const [{ sender }] = senders;
    await sender.replaceTrack(track);
    if (kind !== 'video' || !track) return;
    const parameters = sender.getParameters();
    parameters.degradationPreference = degradation(source);
    tune(parameters.encodings, sendEncodings(source, track.getSettings().height ?? 0));
    await sender.setParameters(parameters).catch(() => {}); // it goes on as before
  }
}

/** What is sent of each kind unless said otherwise: sound may be music. */
const USUAL = { audio: 'screenAudio', video: 'camera' };

/** A single encoding needs no name; with one it would be simulcast of one. */
function unnamed(encodings) {
  if (encodings.length > 1) return encodings;
  return encodings.map(({ rid, ...encoding }) => encoding);
}

/**
 * Gives the encodings of a sender, whose number cannot change, the limits of other ones, from the best down. Those
 * that are too many are switched off.
 *
 * @param {RTCRtpEncodingParameters[]} encodings changed in place
 * @param {RTCRtpEncodingParameters[]} wanted
 */
export function tune(encodings, wanted) {
  const skipped = encodings.length - wanted.length;
  for (const [index, encoding] of encodings.entries()) {
    const { rid, ...limits } = wanted[index - skipped] ?? { active: false };
    delete encoding.maxFramerate;
    Object.assign(encoding, { active: true }, limits);
  }
}

function prefer(sender, preference) {
  const parameters = sender.getParameters();
  parameters.degradationPreference = preference;
  sender.setParameters(parameters).catch(() => {}); // browsers without it decide for themselves
}
