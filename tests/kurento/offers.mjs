import { readFileSync } from 'node:fs';

/**
 * An offer that a browser has made, as it goes over the wire.
 *
 * @param {'datachannel' | 'recvonly' | 'sendonly' | 'sendrecv'} kind of Chromium 156 with kurento-utils 7.3.0
 */
export function chromiumOffer(kind = 'sendrecv') {
  return read(`chromium156-kurento-utils-${kind}.offer.sdp`);
}

/** As `chromiumOffer`, of Firefox 153 without a library. */
export function firefoxOffer() {
  return read('firefox153-sendrecv.offer.sdp');
}

/** The least that Kurento's own tests offer: no ICE, no DTLS, one line of video. */
export const LEGACY_OFFER = [
  'v=0',
  'o=- 12345 12345 IN IP4 192.0.2.1',
  's=-',
  'c=IN IP4 192.0.2.1',
  't=0 0',
  'm=video 52126 RTP/AVP 96 97 98',
  'a=rtpmap:96 H264/90000',
  'a=rtpmap:97 MP4V-ES/90000',
  'a=rtpmap:98 VP8/90000',
  'a=recvonly',
  '',
].join('\r\n');

/** The media lines of a description. @returns {{kind: string, port: number, text: string}[]} */
export function mediaLines(sdp) {
  return sdp.split(/^m=/m).slice(1).map((text) => {
    const [kind, port] = text.split(' ');
    return { kind, port: Number(port), text };
  });
}

function read(name) {
  const text = readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
  return text.replaceAll(/\r?\n/g, '\r\n');
}
