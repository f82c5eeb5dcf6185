import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('A call', {}, (stage) => {
  it('carries picture and sound both ways, encrypted with AES-GCM', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    assert.equal(await ben.rings(), ada.name);
    await ben.press('incoming-accept');
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    for (const seat of [ada, ben]) assert.match(await seat.srtpCipher(), /^SRTP_AEAD_AES_(128|256)_GCM$/);
  });

  it('can be followed by another one, the other way round', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await Promise.all([ada.sees(), ben.sees()]);
    await ada.press('hang-up');
    await ben.isIn('ready');
    await stage.keel.holdsNothing();

    await stage.callBetween(ben, ada);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    assert.deepEqual(await ada.connectionStates(), ['closed', 'connected'], 'nothing of the first call is left in the page');
  });

  it('shows how long it lasts and how good the connection is', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await until('two seconds on the clock', () => ada.text('stage-duration'), (text) => /^0:0[2-9]$/.test(text));
    await ada.press('toggle-panel');
    const shows = (id, pattern) => until(`${id} like ${pattern}`, () => ada.text(id), (text) => pattern.test(text));
    await shows('in-resolution', /^160 × 90$/);
    await shows('out-resolution', /^160 × 90$/);
    await shows('in-frames', /^\d+ fps$/);
    await shows('in-bitrate', /^[1-9]\d* kbit\/s$/);
    await shows('out-bitrate', /^[1-9]\d* kbit\/s$/);
    await shows('in-loss', /^0\.0 %$/);
    await shows('round-trip', /^(< 1|\d+) ms$/);
    const points = () => ada.page.$eval('#spark-in', (line) => line.points.length);
    await until('a line of two points', points, (count) => count >= 2);
  });

  it('lets a picture climb to its usual bitrate', async () => {
    const ada = await stage.seat('Ada', { seating: { video: '640x360@15' } });
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    // Chromium begins at 300 kbit/s and goes up only by the feedback of whoever receives.
    await ada.maySend(1_000_000);
    await ben.sees();
  });

  it('is one call when both press at the same moment', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await Promise.all([ada.callFromList(ben.name), ben.callFromList(ada.name)]);
    // Whose page was slower may already have been rung by the other: then it is an ordinary call.
    const phaseOf = (seat) => seat.page.evaluate(() => document.body.dataset.phase);
    await until('a call, or a dialog', async () => {
      const phases = await Promise.all([ada, ben].map(phaseOf));
      for (const [index, seat] of [ada, ben].entries()) if (phases[index] === 'ringing') await seat.press('incoming-accept');
      return phases;
    }, (phases) => phases.every((phase) => phase === 'talking'));
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    assert.equal((await stage.keel.gauges()).keel_pipelines, 1);
  });
});
