import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

const accessToken = 'a.token-for~the_stories';

tell('A server that asks for a token', { server: { accessToken }, seating: { accessToken } }, (stage) => {
  it('serves the pages whose address brings it', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
  });

  it('refuses a page without it, which says what is missing', async () => {
    const eve = await stage.arrive('Eve', { seating: {} });
    await until('the reason', () => eve.text('banner-text'), (text) => /access token/.test(text));
    assert.equal(await eve.text('link-state'), 'Offline');
  });
});
