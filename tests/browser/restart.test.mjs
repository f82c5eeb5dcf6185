import { it } from 'node:test';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('A server that restarts', {}, (stage) => {
  it('finds its pages back under their names, and they can call', async () => {
    const ada = await stage.arrive('Ada');
    await ada.join('a secret');
    const ben = await stage.seat('Ben');
    await stage.keel.halt();
    for (const seat of [ada, ben]) {
      await until('the banner', () => seat.text('link-state'), (text) => text === 'Offline');
      await until('the reason', () => seat.text('banner-text'), (text) => /cannot be reached/.test(text));
    }
    await stage.keel.goOn();
    await Promise.all([ada.isIn('ready'), ben.isIn('ready')]);
    await stage.callBetween(ada, ben);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
  });

  it('ends a call that was going on, and says so to both', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await Promise.all([ada.sees(), ben.sees()]);
    await stage.keel.restart();
    for (const seat of [ada, ben]) {
      await seat.notice(/server|connection/i);
      await seat.isIn('ready');
    }
    await stage.callBetween(ben, ada);
    await Promise.all([ada.sees(), ben.sees()]);
  });
});
