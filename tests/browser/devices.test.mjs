import assert from 'node:assert/strict';
import { it } from 'node:test';
import { launchChromium } from '../shared/browser.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

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
    await toldWhy(ada, /may not use your camera/);
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
      const ben = await stage.seat('Ben', { browser: other });
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

tell('Someone without camera and microphone', { browser: { devices: 'missing' } }, (stage) => {
  it('is told so, and can watch and listen together with somebody who cannot be seen either', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    await toldWhy(ada, /No camera or microphone was found/);
    await ada.press('obstacle-continue');
    await ben.rings();
    await ben.press('incoming-accept');
    await toldWhy(ben, /No camera or microphone was found/);
    await ben.press('obstacle-continue');
    const connected = (states) => states.at(-1) === 'connected';
    await until('a connection without media', () => ada.connectionStates(), connected);
    await until('a connection without media', () => ben.connectionStates(), connected);
  });
});

tell('Someone whose page is not secure', {}, (stage) => {
  it('is told how to open it', async () => {
    const ada = await stage.arrive('Ada');
    // What browsers do to a page of another machine without https.
    await ada.page.evaluate(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
    await ada.join();
    await ada.callByName('Ben');
    await toldWhy(ada, /https/);
  });
});

async function toldWhy(seat, pattern) {
  await until('the reason', () => seat.text('obstacle-text'), (text) => pattern.test(text));
}
