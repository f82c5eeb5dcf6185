import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Guest } from './guest.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('A room', { person: Guest }, (stage) => {
  it('of two: both see and hear each other, and a third who comes late sees, hears and reads what was written', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
    await ada.write('Good morning');
    await ben.hasRead('Good morning');
    const cay = await stage.seat('Cay');
    await cay.seesAndHearsAll(ada, ben);
    await cay.hasRead('Good morning');
    await Promise.all([ada.seesAndHearsAll(cay), ben.seesAndHearsAll(cay)]);
  });

  it('of four: everybody sees and hears everybody; one leaves, and the others go on', async () => {
    const everybody = [];
    for (const name of ['Ada', 'Ben', 'Cay', 'Dan']) everybody.push(await stage.seat(name));
    const meet = (guests) => Promise.all(guests.map((guest) => guest.seesAndHearsAll(...guests.filter((other) => other !== guest))));
    await meet(everybody);
    const [leaving, ...staying] = everybody;
    await leaving.press('leave');
    await leaving.reads('farewell-title', /you left/i);
    for (const guest of staying) await guest.isWith(...staying.filter((other) => other !== guest));
    await meet(staying);
  });

  it('is found again by who reloads the page', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ben.seesPictureOf(ada);
    await ada.reload();
    await ben.isWith();
    await ada.join();
    await ben.isWith(ada);
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
  });

  it('outlives a lost socket: nobody leaves, and media does not begin anew', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
    const connections = await ada.connectionStates();
    await ada.losesSocket();
    await ben.tileSays(ada, /reconnecting/i);
    await until('the banner', () => ada.page.$eval('#banner', ({ hidden }) => !hidden));
    await ada.findsServerAgain();
    await until('no banner', () => ada.page.$eval('#banner', ({ hidden }) => hidden));
    await ben.tileSays(ada, /^(?!.*reconnecting)/i);
    assert.deepEqual(await ada.connectionStates(), connections);
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
    await ben.write('You are back');
    await ada.hasRead('You are back');
  });

  it('is found again on a server that was restarted', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
    await ada.write('Wait for it');
    const everybody = (isBack) => until(`everybody ${isBack ? 'back' : 'out'}`, () => Promise.all(
      [ada, ben].map((guest) => guest.page.$eval('#banner', ({ hidden }) => hidden)),
    ), (seen) => seen.every((hidden) => hidden === isBack));
    await stage.keel.halt();
    await everybody(false);
    await stage.keel.goOn();
    await everybody(true);
    await ada.isWith(ben);
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
    await ben.hasRead('Wait for it');
  });

  it('has moderators, who mute, lock, remove and end', async () => {
    const ada = await stage.seat('Ada'); // the first one is one
    const ben = await stage.seat('Ben');
    await ben.opens('people');
    assert.ok(await ben.page.$eval('#moderation', ({ hidden }) => hidden));
    await ada.hearsSoundOf(ben);
    await ada.opens('people');
    await ada.pressNamed(`Mute ${ben.name}`);
    await ada.tileOf(ben, 'is-muted');
    await until('the button of the muted microphone', () => ben.page.$eval('#toggle-microphone', ({ ariaLabel }) => ariaLabel === 'Unmute microphone'));
    await ben.press('toggle-microphone'); // what a moderator muted one may open again
    await ada.tileOf(ben, 'is-muted', false);

    await ada.press('toggle-lock');
    await until('the lock', () => ben.page.$eval('#room-lock', ({ hidden }) => !hidden));
    const cay = await stage.arrive('Cay');
    await cay.tryToJoin();
    await cay.refusal(/locked/);

    await ada.pressNamed(`Remove ${ben.name}`);
    await ada.press('confirm-yes');
    await ben.reads('farewell-title', /removed/i);
    await ada.isWith();
    await ada.press('toggle-lock');
    await cay.join();
    await cay.isWith(ada);
    await ada.press('end-room');
    await ada.press('confirm-yes');
    await Promise.all([ada, cay].map((guest) => guest.reads('farewell-title', /ended/i)));
  });

  it('shows a screen beside the camera, until it is no longer shared', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ben.seesPictureOf(ada);
    await ada.press('toggle-screen');
    const screen = await ben.videoOf(ada, 'screen');
    await until('frames of the screen', () => ben.observe(screen), ({ framesDecoded, picture }) => framesDecoded > 0 && picture !== 0);
    await ben.seesAndHearsAll(ada);
    assert.equal(await ben.page.$eval('#floor', ({ dataset }) => dataset.mode), 'speaker', 'a screen is shown large');
    await ada.press('toggle-screen');
    await until('no screen', () => ben.page.$('.tile[data-source="screen"]'), (tile) => tile === null);
    await ben.seesAndHearsAll(ada);
  });

  it('tells who is muted and who has the camera off', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ben.seesAndHearsAll(ada);
    await ada.press('toggle-microphone');
    await ben.tileOf(ada, 'is-muted');
    await ben.hearsNothingOf(ada);
    await ada.press('toggle-microphone');
    await ben.tileOf(ada, 'is-muted', false);
    await ben.hearsSoundOf(ada);

    await ada.press('toggle-camera');
    await ben.tileOf(ada, 'is-pictured', false);
    await ada.press('toggle-camera');
    await ben.tileOf(ada, 'is-pictured');
    await ben.seesPictureOf(ada);
  });

  it('tells who speaks, and shows them large to who wants that', async () => {
    const hums = { seating: { hums: true } };
    const ada = await stage.seat('Ada', hums);
    const ben = await stage.seat('Ben', hums);
    const cay = await stage.seat('Cay');
    await cay.seesAndHearsAll(ada, ben);
    await cay.press('toggle-view');
    await ada.press('toggle-microphone');
    await cay.tileOf(ben, 'is-speaking');
    await cay.tileOf(ada, 'is-speaking', false);
    await cay.tileOf(ben, 'is-large');
    await ben.press('toggle-microphone');
    await ada.press('toggle-microphone');
    await cay.tileOf(ada, 'is-speaking');
    await cay.tileOf(ben, 'is-speaking', false);
    await cay.tileOf(ada, 'is-large');
  });

  it('of which the server draws the name can be entered by its link', async () => {
    const ada = await stage.seat('Ada', { seating: { room: '' } });
    const room = new URL(ada.page.url()).searchParams.get('room');
    assert.match(room, /\w/);
    await ada.opens('people');
    const link = await ada.page.$eval('#invite-link', ({ value }) => value);
    const ben = await stage.seat('Ben', { seating: { room: new URL(link).searchParams.get('room') } });
    await ben.isWith(ada);
    await ben.seesAndHearsAll(ada);
  });

  it('refuses a name that is taken', async () => {
    const ada = await stage.seat('Ada');
    const impostor = await stage.arriveAgain(ada);
    await impostor.tryToJoin();
    await impostor.refusal(/has this name already/);
  });
});

tell('The chat of a room', { person: Guest, seating: { video: 'off' } }, (stage) => {
  it('shows who types, counts what was not read, and what looks like markup as text', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.opens('chat');
    await ben.opens('chat');
    await ada.page.type('#chat-text', '<img src=x><b>bold</b>');
    await ben.reads('chat-typing', new RegExp(`${ada.name} is typing`));
    await ben.press('close-chat');
    await ada.page.keyboard.press('Enter');
    await until('one unread', () => ben.text('chat-unread'), (text) => text === '1');
    await ben.hasRead('<img src=x><b>bold</b>');
    assert.equal(await ben.page.$eval('#messages', (list) => list.querySelectorAll('img, b').length), 0);
    await ben.reads('chat-typing', /^$/);
    assert.ok(await ben.page.$eval('#chat-unread', ({ hidden }) => hidden));
  });

  it('has the older messages in pages', async () => {
    const ada = await stage.seat('Ada');
    await ada.opens('chat');
    for (let number = 1; number <= 60; number += 1) {
      await ada.page.type('#chat-text', `message ${number}`);
      await ada.page.keyboard.press('Enter');
      await until(`message ${number} sent`, () => sent(ada));
    }
    const ben = await stage.seat('Ben');
    await ben.hasRead('message 60');
    assert.equal(await count(ben), 50);
    await ben.press('chat-older');
    await ben.hasRead('message 1');
    assert.equal(await count(ben), 60);
    const texts = await ben.page.$$eval('.message-text', (messages) => messages.map(({ textContent }) => textContent));
    assert.deepEqual(texts, Array.from({ length: 60 }, (_, index) => `message ${index + 1}`));
    assert.ok(await ben.page.$eval('#chat-older', ({ hidden }) => hidden));
  });

  it('lets a reaction rise over the tile of who showed it', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.press('toggle-reactions');
    await ada.pressNamed('thumbs up');
    await ben.reads('announcement', new RegExp(`${ada.name}: thumbs up`));
  });
});

function count(guest) {
  return guest.page.$$eval('.message', ({ length }) => length);
}

/** Whether what was written has gone; what the server refused because it came too fast is sent once more. */
async function sent(guest) {
  const { text, error } = await guest.page.evaluate(() => ({
    text: document.getElementById('chat-text').value,
    error: document.getElementById('chat-error').textContent,
  }));
  if (text === '') return true;
  if (/too fast/i.test(error)) await guest.page.keyboard.press('Enter');
  return false;
}
