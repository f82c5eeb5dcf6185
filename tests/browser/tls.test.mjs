import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';

tell('A server with a certificate of its own making', { tls: true }, (stage) => {
  it('serves page, signaling and calls over https', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    assert.equal(new URL(stage.keel.url).protocol, 'https:');
    await stage.callBetween(ada, ben);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
  });
});
