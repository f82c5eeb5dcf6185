/** A packet in Chromium's log: the line of the log with the time, then direction, another time, an offset, bytes. */
const ENTRY =
  /\[\d+:\d+:(\d{2})(\d{2})\/(\d{2})(\d{2})(\d{2})\.(\d{3})\d*:VERBOSE\d:[^\]\n]*srtp_session\.cc:\d+\]\s+([IO]) [\d:.]+ 0000((?: [0-9a-f]{2})+) # RTP_DUMP/g;

/**
 * The RTP packets that were sent from `begun` on, with their time in milliseconds since then; probes, which are long
 * and empty, are left out.
 *
 * @param {string} log
 * @param {number} begun
 */
export function packetsSent(log, begun) {
  const year = new Date(begun).getUTCFullYear();
  const packets = [];
  for (const [, month, day, hour, minute, second, ms, direction, hex] of log.matchAll(ENTRY)) {
    const time = Date.UTC(year, month - 1, day, hour, minute, second, ms) - begun;
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    if (direction === 'O' && time >= 0 && isRtp(bytes) && !isPadding(bytes)) packets.push({ time, bytes });
  }
  return packets;
}

/** RFC 5761 §4: payload types 64 to 95 are RTCP's. */
function isRtp(bytes) {
  const kind = bytes[1] & 0x7f;
  return kind < 64 || kind > 95;
}

/** Nothing but padding (RFC 3550 §5.1): as much as there is behind the header. */
function isPadding(bytes) {
  const extended = (bytes[0] & 0x10) !== 0;
  const fixed = 12 + 4 * (bytes[0] & 0x0f);
  const header = extended ? fixed + 4 + 4 * bytes.readUInt16BE(fixed + 2) : fixed;
  return (bytes[0] & 0x20) !== 0 && bytes.length - header === bytes.at(-1);
}
