import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';

const HIDING = { browser: { devices: 'denied' }, devices: { drawn: true } };

tell('A browser that hides its addresses behind mDNS names', HIDING, (stage) => {
  it('is seen and heard', () => callWithHosts(stage, /\.local$/));
});

tell('A browser that tells its addresses', { browser: { mdns: false } }, (stage) => {
  it('is seen and heard', () => callWithHosts(stage, /^[\d.]+$|:/));
});

async function callWithHosts(stage, pattern) {
  const ada = await stage.seat('Ada');
  const ben = await stage.seat('Ben');
  await stage.callBetween(ada, ben);
  await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
  for (const seat of [ada, ben]) {
    for (const host of await seat.offeredHosts()) assert.match(host, pattern);
  }
}
