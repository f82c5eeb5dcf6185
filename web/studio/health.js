/** How a stream does, in one word and a sentence of what to do. */

/** Shares of lost packets, and round trips, from which people notice. */
const LOSS_FAIR = 0.02;
const LOSS_POOR = 0.08;
const ROUND_TRIP_FAIR_MS = 300;

/**
 * @param {{sent: {loss: number | null, bitrate: number | null}, roundTripMs: number | null, limitedBy: string | null}}
 *   reading of `Statistics`
 * @returns {{level: 'good' | 'fair' | 'poor', words: string}}
 */
export function healthOf({ sent, roundTripMs, limitedBy }) {
  const loss = sent.loss ?? 0;
  if (sent.bitrate === 0) return { level: 'poor', words: 'Nothing is sent: switch your camera or microphone on.' };
  if (loss >= LOSS_POOR) return { level: 'poor', words: 'Many packets are lost on the way to the server. Move closer to the access point, or use a cable.' };
  if (limitedBy === 'cpu') return { level: 'fair', words: 'This device is too slow for the full picture. Close other programs.' };
  if (limitedBy === 'bandwidth') return { level: 'fair', words: 'Your network does not carry the full picture.' };
  if (loss >= LOSS_FAIR) return { level: 'fair', words: 'Some packets are lost on the way to the server.' };
  if ((roundTripMs ?? 0) >= ROUND_TRIP_FAIR_MS) return { level: 'fair', words: 'The way to the server is long: viewers see you late.' };
  return { level: 'good', words: 'Everything arrives at the server.' };
}
