import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BadNetwork } from '../shared/bad-network.mjs';
import { watchesRepaired } from './repaired.mjs';
import { tell } from './stage.mjs';

for (const relay of ['udp', 'tcp']) {
  tell(`A browser that reaches nothing but the TURN server over ${relay.toUpperCase()}`, { seating: { relay } }, (stage) => {
    it('sees and hears, and is seen and heard', async () => {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben');
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      for (const seat of [ada, ben]) assert.deepEqual(await seat.path(), { type: 'relay', wire: relay });
    });
  });
}

tell('A way to the TURN server', {}, (stage) => {
  it('that loses a twentieth of what it carries is repaired before anybody sees it', async () => {
    const network = new BadNetwork({ delay_ms: 20, loss: 0.05, seed: 7 });
    try {
      const relayPort = await network.portBefore(`127.0.0.1:${stage.keel.turnPort}`);
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben', { seating: { relay: 'udp', relayPort } });
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      assert.deepEqual(await ben.path(), { type: 'relay', wire: 'udp' });
      await watchesRepaired(ben);
      const { dropped } = await network.counters();
      assert.ok(dropped > 0, 'the way loses');
    } finally {
      await network.end();
    }
  });
});
