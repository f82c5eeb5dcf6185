/**
 * Turns WebRTC's ever growing counters into what a person reads: rates over the last interval.
 *
 * @typedef {object} Direction
 * @property {number | null} width pixels
 * @property {number | null} height pixels
 * @property {number | null} framesPerSecond
 * @property {number | null} bitrate bits per second, audio and video payload together
 * @property {number | null} loss share of packets lost, 0 to 1
 *
 * @typedef {object} Reading
 * @property {Direction} received
 * @property {Direction} sent
 * @property {number | null} roundTripMs
 * @property {'bandwidth' | 'cpu' | null} limitedBy what keeps the picture that is sent smaller than it could be
 * A field is `null` while it is not known.
 */

/** Remembers the last report, since every rate is a difference of two. One per call. */
export class Statistics {
  #previous = null;

  /**
   * @param {Iterable<[string, object]>} report of `RTCPeerConnection.getStats`
   * @returns {Reading}
   */
  read(report) {
    const current = new Map(report);
    const previous = this.#previous;
    this.#previous = current;
    const incoming = ofType(current, 'inbound-rtp');
    const outgoing = ofType(current, 'outbound-rtp');
    return {
      received: { ...picture(incoming), bitrate: bitrate(incoming, previous, 'bytesReceived'), loss: lossReceived(incoming, previous) },
      sent: { ...picture(outgoing), bitrate: bitrate(outgoing, previous, 'bytesSent'), loss: lossReported(current) },
      roundTripMs: roundTrip(current),
      limitedBy: limitation(outgoing),
    };
  }
}

function ofType(report, type) {
  return [...report.values()].filter((entry) => entry.type === type);
}

/** The largest one, where a picture is sent in several sizes. */
function picture(streams) {
  const pictures = streams.filter((stream) => stream.kind === 'video' && stream.frameWidth && stream.framesPerSecond !== 0);
  const video = pictures.reduce((best, next) => (next.frameWidth > (best?.frameWidth ?? 0) ? next : best), undefined);
  return {
    width: video?.frameWidth ?? null,
    height: video?.frameHeight ?? null,
    framesPerSecond: video?.framesPerSecond ?? null,
  };
}

function limitation(streams) {
  const reasons = streams.map((stream) => stream.qualityLimitationReason);
  return ['cpu', 'bandwidth'].find((reason) => reasons.includes(reason)) ?? null;
}

function bitrate(streams, previous, counter) {
  let sum = null;
  for (const stream of streams) {
    const before = previous?.get(stream.id);
    const seconds = (stream.timestamp - (before?.timestamp ?? stream.timestamp)) / 1000;
    if (seconds <= 0) continue;
    sum = (sum ?? 0) + (8 * (stream[counter] - before[counter])) / seconds;
  }
  return sum;
}

function lossReceived(streams, previous) {
  let lost = 0;
  let expected = 0;
  for (const stream of streams) {
    const before = previous?.get(stream.id);
    if (!before) continue;
    // A late packet lowers the count of lost ones: below zero means that nothing new is missing.
    const missing = Math.max(0, stream.packetsLost - before.packetsLost);
    lost += missing;
    expected += missing + stream.packetsReceived - before.packetsReceived;
  }
  return expected > 0 ? lost / expected : null;
}

/** The worst of what the other end reports about our streams. */
function lossReported(report) {
  const shares = ofType(report, 'remote-inbound-rtp').map((entry) => entry.fractionLost).filter(Number.isFinite);
  return shares.length > 0 ? Math.max(...shares) : null;
}

function roundTrip(report) {
  const transport = ofType(report, 'transport').find((entry) => entry.selectedCandidatePairId);
  // Firefox has no transport entry and marks the pair itself.
  const pair = report.get(transport?.selectedCandidatePairId) ?? ofType(report, 'candidate-pair').find((entry) => entry.selected);
  const seconds = pair?.currentRoundTripTime ?? ofType(report, 'remote-inbound-rtp').find((entry) => entry.roundTripTime)?.roundTripTime;
  return seconds === undefined ? null : seconds * 1000;
}
