import { it } from 'node:test';
import { focusIsOn, tabTo } from './reach.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('With the keyboard alone', {}, (stage) => {
  it('one can join, call, accept, mute and hang up', async () => {
    const ada = await stage.arrive('Ada');
    const ben = await stage.arrive('Ben');
    for (const seat of [ada, ben]) {
      await focusIsOn(seat, 'register-name'); // without a press: the page begins there
      await seat.page.keyboard.type(seat.name);
      await seat.page.keyboard.press('Enter');
      await seat.isIn('ready');
      await focusIsOn(seat, 'lobby-title');
    }

    await until('Ben in the list', () => ada.text('online'), (text) => text.includes(ben.name));
    await tabTo(ada, `Call ${ben.name}`);
    await ada.page.keyboard.press('Enter');
    await ben.rings();
    // Nobody accepts by a press of Enter that was meant for something else.
    await focusIsOn(ben, 'incoming-title');
    await ben.page.keyboard.press('Enter');
    await ben.isIn('ringing');
    await tabTo(ben, 'Accept');
    await ben.page.keyboard.press('Enter');
    await Promise.all([ada.isIn('talking'), ben.isIn('talking')]);
    await ben.sees();

    await tabTo(ben, 'Mute microphone');
    await ben.page.keyboard.press('Space');
    await tabTo(ben, 'Unmute microphone'); // where the focus still is
    await tabTo(ben, 'Hang up');
    await ben.page.keyboard.press('Space');
    await Promise.all([ada.isIn('ready'), ben.isIn('ready')]);
    await focusIsOn(ada, 'lobby-title');
  });

  it('one can reject by Escape', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    await ben.rings();
    await ben.page.keyboard.press('Escape');
    await Promise.all([ada.isIn('ready'), ben.isIn('ready')]);
  });
});
