import assert from 'node:assert/strict';
import { until } from '../shared/waiting.mjs';

/** Fifteen seconds of the smallest picture, with some nine hundred packets of both kinds. */
const FRAMES = 150;

/**
 * Somebody behind a network that loses packets sees every frame all the same.
 *
 * @param {import('../shared/viewer.mjs').Viewer} viewer
 */
export async function watchesRepaired(viewer) {
  const begun = await viewer.reception('video');
  const isLongEnough = ({ framesDecoded }) => framesDecoded >= begun.framesDecoded + FRAMES;
  const seen = await until('fifteen seconds of video', () => viewer.reception('video'), isLongEnough, 60_000);
  const words = JSON.stringify({ begun, seen });
  assert.ok(seen.nackCount > begun.nackCount, `packets were lost and asked for: ${words}`);
  assert.ok(seen.framesReceived - seen.framesDecoded <= 3, `every frame that came was decoded: ${words}`);
  // The keyframe that a viewer begins with may be lost like any other packet; after it none has to mend anything.
  assert.equal(seen.pliCount + seen.firCount, begun.pliCount + begun.firCount, words);
}
