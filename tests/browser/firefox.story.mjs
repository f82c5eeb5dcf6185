import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { launchFirefox } from '../shared/browser.mjs';
import { tell } from './stage.mjs';

tell('Between Chromium and Firefox', {}, (stage) => {
  let firefox = null;
  before(async () => {
    firefox = await launchFirefox();
  });
  after(() => firefox?.close());

  it('Chromium calls', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben', { browser: firefox });
    await stage.callBetween(ada, ben);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    assert.match(await ada.srtpCipher(), /^SRTP_AEAD_AES_(128|256)_GCM$/);
    await ben.press('hang-up');
    await ada.isIn('ready');
  });

  it('Firefox calls', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben', { browser: firefox });
    await stage.callBetween(ben, ada);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
    await ada.press('hang-up');
    await ben.isIn('ready');
  });
});
