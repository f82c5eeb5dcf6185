/**
 * What runs inside the page: the story's eyes and ears. `watchPeers` is installed before the page's own scripts, the
 * others are evaluated later; each must be complete in itself, since only its text reaches the page.
 */

/** Keeps every peer connection that the page makes. */
export function watchPeers() {
  const Native = window.RTCPeerConnection;
  window.keelPeers = [];
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(...settings) {
      super(...settings);
      window.keelPeers.push(this);
    }
  };
}

/**
 * What has been received by now of what plays in a video or audio element, as counters that only grow, and the picture
 * as it is seen. All zero while nothing plays there.
 *
 * @param {string} id of the element
 * @returns {Promise<{framesDecoded: number, audioEnergy: number, audioSeconds: number, picture: number,
 *   brightness: number}>} `picture`: a hash of it; `brightness`: of its brightest spot, 0 to 255
 */
export async function observe(id) {
  const seen = { framesDecoded: 0, audioEnergy: 0, audioSeconds: 0, picture: 0, brightness: 0 };
  const video = document.getElementById(id);
  const playing = video?.srcObject?.getTracks() ?? [];
  const ids = playing.map((track) => track.id);
  const peer = window.keelPeers.find((peer) => peer.getReceivers().some(({ track }) => playing.includes(track)));
  if (!peer) return seen;
  const report = await peer.getStats();
  for (const entry of report.values()) {
    if (entry.type !== 'inbound-rtp' || !ids.includes(entry.trackIdentifier)) continue;
    if (entry.kind === 'video') seen.framesDecoded += entry.framesDecoded ?? 0;
    if (entry.kind === 'audio') {
      seen.audioEnergy += entry.totalAudioEnergy ?? 0;
      seen.audioSeconds += entry.totalSamplesDuration ?? 0;
    }
  }
  if (!video.videoWidth) return seen;
  const canvas = new OffscreenCanvas(64, 36);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let index = 0; index < data.length; index += 4) {
    const [red, green, blue] = data.subarray(index, index + 3);
    seen.picture = (Math.imul(seen.picture, 31) + (red << 16) + (green << 8) + blue) | 0;
    seen.brightness = Math.max(seen.brightness, red, green, blue);
  }
  return seen;
}

/**
 * @param {'audio' | 'video'} kind
 * @returns {Promise<object>} the newest connection's statistics of what it receives; empty before there are any
 */
export async function reception(kind) {
  const report = await window.keelPeers.at(-1)?.getStats();
  const received = [...(report?.values() ?? [])].find((entry) => entry.type === 'inbound-rtp' && entry.kind === kind);
  return received ? { ...received } : {};
}

/**
 * @param {'audio' | 'video'} kind
 * @returns {Promise<object[]>} the newest connection's statistics of what it sends, one for each encoding
 */
export async function sendings(kind) {
  const report = await window.keelPeers.at(-1)?.getStats();
  const sent = [...(report?.values() ?? [])].filter((entry) => entry.type === 'outbound-rtp' && entry.kind === kind);
  return sent.map((entry) => ({ ...entry }));
}

/**
 * Has the page note five times a second what its newest connection's statistics say of the video that it receives, in
 * `window.keelDiary`: the time in milliseconds, the frames decoded so far, and the width of the picture.
 */
export function keepDiary() {
  window.keelDiary = [];
  setInterval(async () => {
    const report = await window.keelPeers.at(-1).getStats();
    const received = [...report.values()].find((entry) => entry.type === 'inbound-rtp' && entry.kind === 'video');
    const { timestamp, framesDecoded, frameWidth } = received;
    window.keelDiary.push({ at: timestamp, framesDecoded, width: frameWidth ?? 0 });
  }, 200);
}

/**
 * @param {string} id of a video element
 * @returns {Promise<object>} the statistics of the stream that plays there; empty before there are any
 */
export async function videoStream(id) {
  const ids = document.getElementById(id)?.srcObject?.getTracks().map((track) => track.id) ?? [];
  for (const peer of window.keelPeers) {
    if (peer.connectionState === 'closed') continue;
    const report = await peer.getStats();
    const stream = [...report.values()].find((entry) => entry.type === 'inbound-rtp' && ids.includes(entry.trackIdentifier));
    if (stream) return { ...stream };
  }
  return {};
}

/** @returns {Promise<Record<string, {active: boolean, bytesSent: number}>>} by rid, what is sent in several encodings */
export async function encodingsSent() {
  const encodings = {};
  for (const peer of window.keelPeers) {
    if (peer.connectionState === 'closed') continue;
    const report = await peer.getStats();
    for (const entry of report.values()) {
      if (entry.type === 'outbound-rtp' && entry.rid) encodings[entry.rid] = { active: entry.active, bytesSent: entry.bytesSent };
    }
  }
  return encodings;
}

/** @returns {Promise<string | undefined>} the SRTP cipher that the newest connection's transport reports */
export async function srtpCipher() {
  const report = await window.keelPeers.at(-1).getStats();
  return [...report.values()].find((entry) => entry.type === 'transport')?.srtpCipher;
}

/** @returns {Promise<number>} bits per second that the newest connection's congestion control lets the picture have */
export async function pictureBitrate() {
  const report = await window.keelPeers.at(-1).getStats();
  const pictures = [...report.values()].filter((entry) => entry.type === 'outbound-rtp' && entry.kind === 'video');
  return Math.max(0, ...pictures.map((entry) => entry.targetBitrate ?? 0));
}

/**
 * @returns {?string[]} the host addresses that the newest connection has offered as candidates; null before there are any or
 *   gathering is over: one that connects while the browser still makes up mDNS names offers none
 */
export function offeredHosts() {
  const { localDescription, iceGatheringState } = window.keelPeers.at(-1);
  const { sdp } = localDescription;
  const hosts = [...sdp.matchAll(/^a=candidate:\S+ \d udp \d+ (\S+) \d+ typ host/gim)].map((match) => match[1]);
  return hosts.length > 0 || iceGatheringState === 'complete' ? hosts : null;
}

/** @returns {string[]} the states of all connections that the page has made */
export function connectionStates() {
  return window.keelPeers.map((peer) => peer.connectionState);
}

/**
 * @returns {Promise<{type: string, wire: string} | null>} the local candidate that the newest connection uses, and the protocol
 *   between the browser and the server
 */
export async function selectedPath() {
  const report = await window.keelPeers.at(-1)?.getStats();
  const transport = [...(report?.values() ?? [])].find((entry) => entry.type === 'transport');
  const local = report?.get(report.get(transport?.selectedCandidatePairId)?.localCandidateId);
  return local ? { type: local.candidateType, wire: local.relayProtocol ?? local.protocol } : null;
}
