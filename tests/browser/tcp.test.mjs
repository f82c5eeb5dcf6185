import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';

tell('A browser whose network lets no UDP through', {}, (stage) => {
  it('sees and hears over TCP, and is seen and heard by one that has UDP', async () => {
    const ada = await stage.seat('Ada', { seating: { tcp: true } });
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    assert.equal((await ada.path()).wire, 'tcp');
    assert.equal((await ben.path()).wire, 'udp', 'who has UDP does not use TCP');
    // Browsers keep one to each address that they were told.
    assert.ok((await stage.keel.metric('keel_tcp_connections')) >= 1);
  });
});
