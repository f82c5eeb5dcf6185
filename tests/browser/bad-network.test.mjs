import { it } from 'node:test';
import { BadNetwork } from '../shared/bad-network.mjs';
import { watchesRepaired } from './repaired.mjs';
import { tell } from './stage.mjs';

tell('A bad network', { browser: { mdns: false } }, (stage) => {
  it('that loses a twentieth of what it carries is repaired before anybody sees it', async () => {
    const network = new BadNetwork({ delay_ms: 20, loss: 0.05, seed: 5 });
    try {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben', { seating: { network } });
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      await watchesRepaired(ben);
    } finally {
      await network.end();
    }
  });

  it('that gives somebody another address in the middle of a call is followed', async () => {
    const network = new BadNetwork({});
    try {
      const ada = await stage.seat('Ada', { seating: { network } });
      const ben = await stage.seat('Ben');
      await stage.callBetween(ada, ben);
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
      await network.change({ move: true });
      await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    } finally {
      await network.end();
    }
  });
});
