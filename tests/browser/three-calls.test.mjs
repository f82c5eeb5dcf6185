import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';

// Six seats, where two cores carry four in comfort: the smallest pictures, and all pages in one browser.
tell('Three calls at once', {}, (stage) => {
  it('each carry picture and sound between their own two', async () => {
    const pairs = [];
    for (const [caller, callee] of [['Ada', 'Ben'], ['Cay', 'Dan'], ['Eve', 'Fay']]) {
      pairs.push([await stage.seat(caller), await stage.seat(callee)]);
    }
    for (const [caller, callee] of pairs) await stage.callBetween(caller, callee);
    assert.equal((await stage.keel.gauges()).keel_pipelines, 3);
    await Promise.all(pairs.flat().map((seat) => seat.seesAndHears()));

    const [[ada], ...others] = pairs;
    await ada.press('hang-up');
    await pairs[0][1].isIn('ready');
    await Promise.all(others.flat().map((seat) => seat.seesAndHears()));
  });
});
