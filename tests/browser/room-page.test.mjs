import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Guest } from './guest.mjs';
import { PHONE, allAreNamed, fits, focusIsOn, tabTo } from './reach.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('The first page', { person: Guest }, (stage) => {
  it('leads to a room and to calls, and takes along what its address asks for', async () => {
    const ada = await stage.arrive('Ada');
    await ada.page.goto(new URL('?video=off', stage.keel.url).href);
    await fits(ada);
    await ada.page.type('#room-name', 'monday team');
    await Promise.all([ada.page.waitForNavigation(), ada.page.keyboard.press('Enter')]);
    await ada.reads('entrance-title', /^Enter monday team$/);
    assert.equal(new URL(ada.page.url()).searchParams.get('video'), 'off');
    await Promise.all([ada.page.waitForNavigation(), ada.press('home')]);
    assert.equal(new URL(ada.page.url()).search, '?video=off', 'but not the room');
    await Promise.all([ada.page.waitForNavigation(), ada.press('to-call')]);
    await ada.reads('register-title', /call/);
  });
});

tell('The entrance of a room', { person: Guest }, (stage) => {
  it('shows the camera, the level of the microphone and what there is to choose', async () => {
    const ada = await stage.arrive('Ada');
    await until('a picture in the mirror', () => ada.page.$eval('#mirror-video', ({ videoWidth }) => videoWidth > 0));
    await until('a level', () => ada.page.$eval('#meter', ({ value }) => value > 0));
    const lists = await ada.page.$$eval('#entrance-pickers select', (found) => found.map(({ options }) => options.length));
    assert.equal(lists.length, 2);
    assert.ok(lists.every((length) => length > 0));
    await ada.press('check-camera');
    await ada.reads('mirror-note', /camera is off/);
    await ada.press('check-microphone');
    await until('no level', () => ada.page.$eval('#meter', ({ value }) => value === 0));
    await allAreNamed(ada);
    await ada.press('entrance-submit'); // without a name
    await ada.refusal(/call you/);
  });

  it('lets in who has switched everything off, and who has not, as they are', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.arrive('Ben');
    await until('a picture in the mirror', () => ben.page.$eval('#mirror-video', ({ videoWidth }) => videoWidth > 0));
    await ben.press('check-microphone');
    await ben.join();
    await ada.tileOf(ben, 'is-muted');
    await ada.seesPictureOf(ben);
    await ben.hearsSoundOf(ada);
    await ada.hearsNothingOf(ben);
    await ben.press('toggle-microphone');
    await ada.hearsSoundOf(ben);
  });
});

tell('Someone without camera and microphone', { browser: { devices: 'missing' }, person: Guest, seating: { video: 'off' } }, (stage) => {
  it('is told so, and comes in all the same', async () => {
    const ada = await stage.arrive('Ada');
    await ada.reads('entrance-problem', /No .*microphone was found/);
    await ada.join();
    const ben = await stage.seat('Ben');
    await ben.isWith(ada);
    await ben.tileOf(ada, 'is-muted');
  });
});

tell("The room's page", { person: Guest }, (stage) => {
  it('fits a phone, also with the longest names, and names all its controls', async () => {
    const ada = await stage.arrive('Ada'.padEnd(56, 'm'));
    const ben = await stage.arrive('Ben'.padEnd(56, 'm'));
    for (const guest of [ada, ben]) {
      await guest.page.setViewport(PHONE);
      await fits(guest);
      await guest.join();
      await fits(guest);
    }
    await ada.seesPictureOf(ben);
    for (const panel of ['chat', 'people']) {
      await ada.opens(panel);
      await fits(ada);
      await allAreNamed(ada);
      await ada.press(`toggle-${panel}`);
    }
    await ada.press('toggle-view');
    await fits(ada);
    await ada.press('toggle-reactions');
    await fits(ada);
    await allAreNamed(ada);
  });

  it('can be used by the keyboard alone', async () => {
    const ada = await stage.arrive('Ada');
    const ben = await stage.seat('Ben');
    await focusIsOn(ada, 'entrance-name'); // without a press: the page begins there
    await ada.page.keyboard.type(ada.name);
    await ada.page.keyboard.press('Enter');
    await ada.isIn('inside');
    await focusIsOn(ada, 'room-title');
    await ben.isWith(ada);

    await ada.page.keyboard.press('m');
    await ben.tileOf(ada, 'is-muted');
    await ada.page.keyboard.press('m');
    await ben.tileOf(ada, 'is-muted', false);
    await ada.page.keyboard.press('v');
    await ben.tileOf(ada, 'is-pictured', false);
    await ada.page.keyboard.press('?');
    await until('the list of keys', () => ada.page.$eval('#help', ({ open }) => open));
    await ada.page.keyboard.press('Escape');

    await ada.page.keyboard.press('c');
    await focusIsOn(ada, 'chat-text');
    await ada.page.keyboard.type('mvscprg?'); // letters are letters while one writes
    await ada.page.keyboard.press('Enter');
    await ben.hasRead('mvscprg?');
    await ada.page.keyboard.press('Escape');
    await focusIsOn(ada, 'toggle-chat');
    await tabTo(ada, 'Leave');
    await ada.page.keyboard.press('Enter');
    await focusIsOn(ada, 'farewell-title');
    await ben.isWith();
  });
});
