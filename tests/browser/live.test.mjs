import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Broadcaster, Spectator } from './broadcast.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('A livestream', { person: Spectator }, (stage) => {
  it('is published by a page and watched by others, who stay when the presenter comes back', async () => {
    const first = await Broadcaster.open(stage.browser, stage.keel.url, 'Ada');
    await first.publishes('tide');
    const [ben, cay] = [await stage.arrive('Ben'), await stage.arrive('Cay')];
    await Promise.all([ben.plays('tide'), cay.plays('tide')]);
    await Promise.all([ben.seesAndHears(), cay.seesAndHears()]);

    // Her page is gone without a word; she opens it again.
    await first.vanish();
    const again = await Broadcaster.open(stage.browser, stage.keel.url, 'Ada again');
    await again.publishes('tide');
    await Promise.all([ben.seesAndHears(), cay.seesAndHears()]);
    assert.equal(await ben.connections(), 1, 'on the same connection');
    await again.leave();
  });

  it('goes on over a restart of ICE on either side', async () => {
    const ada = await Broadcaster.open(stage.browser, stage.keel.url, 'Ada');
    await ada.publishes('ebb');
    const ben = await stage.arrive('Ben');
    await ben.plays('ebb');
    await ben.seesAndHears();
    for (const side of [ada, ben]) await side.restarts();
    await ben.seesAndHears();
    await ada.leave();
  });

  it('comes in the quality that the viewer wants', async () => {
    const ada = await Broadcaster.open(stage.browser, stage.keel.url, 'Ada');
    await ada.publishes('quality', { width: 960, height: 540, frameRate: 10 });
    const ben = await stage.arrive('Ben');
    await ben.plays('quality');
    const width = (matches) => until('the width', () => ben.reception('video'), ({ frameWidth }) => matches(frameWidth));
    await width((seen) => seen === 960);
    await ben.limits({ spatial: 0 });
    await width((seen) => seen < 480);
    await ben.limits({});
    await width((seen) => seen === 960);
    await ada.leave();
  });

  it('that nobody presents yet is waited for', async () => {
    const ben = await stage.arrive('Ben');
    await ben.plays('later');
    const ada = await Broadcaster.open(stage.browser, stage.keel.url, 'Ada');
    await ada.publishes('later');
    await ben.seesAndHears();
    await ada.leave();
  });
});

tell('A livestream behind a token', { person: Spectator, server: { accessToken: 'a-long-enough-token' } }, (stage) => {
  it('says what is missing', async () => {
    const ben = await stage.arrive('Ben');
    assert.deepEqual(await ben.isRefused('tide'), { status: 401, code: 'access_token_missing' });
    assert.deepEqual(await ben.isRefused('tide', 'another-token-here'), { status: 403, code: 'access_token_wrong' });
    await ben.plays('tide', 'a-long-enough-token');
  });
});
