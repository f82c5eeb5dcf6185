import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';

for (const relay of ['udp', 'tcp']) {
  tell(`A browser that reaches nothing but the TURN server over ${relay.toUpperCase()}`, { seating: { relay } }, (stage) => {
    it('sees and hears, and is seen and heard', async () => {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben');
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      for (const seat of [ada, ben]) assert.deepEqual(await seat.path(), { type: 'relay', relayProtocol: relay });
    });
  });
}
