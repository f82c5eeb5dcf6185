import assert from 'node:assert/strict';
import { it } from 'node:test';
import { launchChromium } from './browser.mjs';
import { tell } from './stage.mjs';
import { until } from './waiting.mjs';

tell('In a call', {}, (stage) => {
  it('a muted microphone is silence to the other side, until it is on again', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await ben.hears();
    await ada.press('toggle-microphone');
    await ben.hearsSilence();
    await ada.hears(); // only one direction was muted
    await ada.press('toggle-microphone');
    await ben.hears();
  });

  it('a camera that is off is black to the other side, until it is on again', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await ben.sees();
    await ada.press('toggle-camera');
    await ben.seesBlack();
    await ada.sees();
    await ada.press('toggle-camera');
    await ben.sees();
  });
});

tell('Someone who denies camera and microphone', { browser: { devices: 'denied' } }, (stage) => {
  it('is told why, and can drop the call, which never rings', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    await until('the reason', () => ada.text('obstacle-text'), (text) => /may not use your camera/.test(text));
    await ada.press('obstacle-cancel');
    await ada.isIn('ready');
    // A message of Ada's that comes later is answered: an earlier one would have rung by now.
    await ada.callByName('Nobody');
    await ada.press('obstacle-continue');
    await ada.notice(/not registered/i);
    await ben.isIn('ready');
  });

  it('can still watch and listen', async () => {
    const other = await launchChromium();
    try {
      const ada = await stage.seat('Ada');
      const ben = await stage.seat('Ben', other);
      await ada.callFromList(ben.name);
      await until('the question', () => ada.page.$eval('#obstacle', (dialog) => dialog.open));
      await ada.press('obstacle-continue');
      assert.equal(await ben.rings(), ada.name);
      await ben.press('incoming-accept');
      await ada.seesAndHears();
      await stage.clear();
    } finally {
      await other.close();
    }
  });
});
