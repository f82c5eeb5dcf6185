import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BadNetwork } from '../shared/bad-network.mjs';
import { until } from '../shared/waiting.mjs';
import { tell } from './stage.mjs';

/** Fifteen seconds of the smallest picture, with some nine hundred packets of both kinds. */
const FRAMES = 150;

tell('A bad network', { browser: { mdns: false } }, (stage) => {
  it('that loses a twentieth of what it carries is repaired before anybody sees it', async () => {
    const network = new BadNetwork({ delay_ms: 20, loss: 0.05, seed: 5 });
    try {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben', { seating: { network } });
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      const begun = await ben.reception('video');
      const isLongEnough = ({ framesDecoded }) => framesDecoded >= begun.framesDecoded + FRAMES;
      const seen = await until('fifteen seconds of video', () => ben.reception('video'), isLongEnough, 60_000);
      const words = JSON.stringify({ begun, seen });
      assert.ok(seen.nackCount > begun.nackCount, `packets were lost and asked for: ${words}`);
      assert.ok(seen.framesReceived - seen.framesDecoded <= 3, `every frame that came was decoded: ${words}`);
      // The keyframe that a viewer begins with may be lost like any other packet; after it none has to mend anything.
      assert.equal(seen.pliCount + seen.firCount, begun.pliCount + begun.firCount, words);
    } finally {
      await network.end();
    }
  });
});
