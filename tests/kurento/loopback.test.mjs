import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HelloWorld } from './apps/hello-world.mjs';
import { tell } from './theatre.mjs';

tell('Hello world', (theatre) => {
  it('shows and plays to a visitor what the visitor sends', async () => {
    await theatre.runs(HelloWorld);
    const ada = await theatre.visitor('hello-world', 'Ada');
    await ada.press('start');
    await ada.isIn('started');
    await ada.seesAndHears();
    assert.equal((await theatre.keel.gauges()).keel_endpoints, 1);
  });

  it('can be stopped and started again', async () => {
    await theatre.runs(HelloWorld);
    const ada = await theatre.visitor('hello-world', 'Ada');
    for (let round = 0; round < 2; round += 1) {
      await ada.press('start');
      await ada.isIn('started');
      await ada.seesAndHears();
      await ada.press('stop');
      await theatre.keel.holdsNothing();
    }
  });
});
