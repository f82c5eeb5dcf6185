import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PHONE, allAreNamed, fits, focusIsOn, tabTo } from './reach.mjs';
import { Presenter, Spectator } from './studio.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

/** As large as it must be to be sent in three sizes, and slow. */
const LARGE = '960x540@10';

const present = (stream, further = {}) => ({ seating: { stream, ...further }, person: Presenter });

tell('The live studio and its viewers', { person: Spectator, seating: { stream: 'tide' } }, (stage) => {
  it('bring one presenter to five viewers', async () => {
    const ada = await stage.arrive('Ada', present('tide'));
    await ada.goesLive();
    const viewers = await Promise.all(['Ben', 'Cay', 'Dan', 'Eve', 'Fay'].map((name) => stage.arrive(name)));
    for (const viewer of viewers) await viewer.watches();
    await ada.reads('figure-viewers', /^5$/);
    await ada.reads('air-viewers', /5 viewers/);
    await ada.reads('figure-bitrate', /bit\/s/);
    await ada.reads('figure-arrives', /bit\/s/);
    await ada.ends();
    for (const viewer of viewers) await viewer.isIn('waiting');
    await viewers[0].reads('message-title', /has ended/);
  });

  it('let a viewer wait for a stream that has not begun', async () => {
    const ben = await stage.arrive('Ben');
    await ben.isIn('waiting');
    await ben.reads('announcement', /has not begun/);
    const ada = await stage.arrive('Ada', present('tide'));
    await ada.goesLive();
    await ben.watches();
    assert.equal(await ben.connections(), 1, 'on the connection with which it waited');
    await ada.ends();
  });

  it('go on by themselves when the presenter loads the page again', async () => {
    const ada = await stage.arrive('Ada', present('tide'));
    await ada.goesLive();
    const ben = await stage.arrive('Ben');
    await ben.watches();
    await ada.page.reload();
    await ada.isIn('live');
    await ben.watches();
    assert.equal(await ben.connections(), 1, 'on the same connection');
    await ada.ends();
  });

  it('show the screen in the place of the camera, and the camera again', async () => {
    const ada = await stage.arrive('Ada', present('tide'));
    await ada.page.evaluate(shareDrawing);
    await ada.goesLive();
    const ben = await stage.arrive('Ben');
    await ben.watches();
    await ada.press('toggle-screen');
    const shape = ({ frameWidth, frameHeight }) => (frameHeight > 0 ? frameWidth / frameHeight : 0);
    const isWide = (seen) => Math.abs(shape(seen) - 16 / 9) < 0.1;
    await until('the square screen', () => ben.reception('video'), (seen) => Math.abs(shape(seen) - 1) < 0.1);
    await ada.press('toggle-screen');
    await until('the camera again', () => ben.reception('video'), isWide);
    await ada.ends();
  });

  it('let only the newest of two presenters be seen, and tell the other', async () => {
    const ada = await stage.arrive('Ada', present('tide'));
    await ada.goesLive();
    const ben = await stage.arrive('Ben');
    await ben.watches();
    const cay = await stage.arrive('Cay', present('tide'));
    await cay.goesLive();
    await ada.isIn('over');
    await ada.reads('over-title', /Somebody else presents/);
    await ben.watches();
    await cay.ends();
  });
});

tell('The quality of a livestream', { person: Spectator, seating: { stream: 'ebb' } }, (stage) => {
  it('is what the viewer chooses', async () => {
    const ada = await stage.arrive('Ada', present('ebb', { video: LARGE }));
    await ada.goesLive();
    const ben = await stage.arrive('Ben');
    await ben.watches();
    const width = (isIt) => until('the size of the picture', () => ben.picture(), ({ frameWidth }) => isIt(frameWidth));
    await width((seen) => seen === 960);
    await ben.chooses('Low');
    await width((seen) => seen > 0 && seen <= 240);
    const low = await bytesOf(ben, 20);
    await ben.chooses('High');
    await width((seen) => seen === 960);
    const high = await bytesOf(ben, 20);
    assert.ok(high > 2 * low, `${high} bytes against ${low} for as many frames`);
    await ben.chooses('Automatic');
    await width((seen) => seen === 960);
    await ada.ends();
  });
});

tell('A livestream behind a token', { person: Spectator, server: { accessToken: 'a-long-enough-token' }, seating: { stream: 'tide' } }, (stage) => {
  it('is presented and watched by who has it, and asks who has not', async () => {
    const ada = await stage.arrive('Ada', present('tide'));
    await until('the field for the token', () => ada.page.$eval('#token-row', ({ hidden }) => !hidden));
    await ada.press('go');
    await ada.reads('error', /asks for an access token/);
    await ada.page.type('#token', 'a-long-enough-token');
    await ada.goesLive();
    assert.equal(await ada.page.$eval('#link-token', ({ hidden }) => hidden), false);
    assert.doesNotMatch(await ada.link(), /token/);

    const ben = await stage.arrive('Ben');
    await ben.isIn('refused');
    await focusIsOn(ben, 'token');
    await ben.page.type('#token', 'something else');
    await ben.page.keyboard.press('Enter');
    await ben.reads('message-text', /does not know/);
    await ben.page.$eval('#token', (field) => { field.value = ''; });
    await ben.page.type('#token', 'a-long-enough-token');
    await ben.page.keyboard.press('Enter');
    await ben.watches();
    await ada.ends();
  });
});

tell('A viewer of a stream that may not be waited for', { person: Spectator, server: { flags: ['--live-viewers-wait-s', '0'] }, seating: { stream: 'tide' } }, (stage) => {
  it('asks again until it has begun', async () => {
    const ben = await stage.arrive('Ben');
    await ben.isIn('waiting');
    const ada = await stage.arrive('Ada', present('tide'));
    await ada.goesLive();
    await ben.watches();
    await ada.ends();
    await ben.isIn('over');
  });
});

tell('The pages of livestreams', { person: Spectator, seating: { stream: 'tide' } }, (stage) => {
  it('fit a phone and name all their controls', async () => {
    const ada = await stage.arrive('Ada', present('tide', { viewport: PHONE }));
    const ben = await stage.arrive('Ben', { seating: { stream: 'x'.repeat(64), viewport: PHONE } });
    for (const visitor of [ada, ben]) {
      await fits(visitor);
      await allAreNamed(visitor);
    }
    await ada.goesLive();
    await fits(ada);
    await allAreNamed(ada);
    await ada.ends();
    await fits(ada);
    const cay = await stage.arrive('Cay', { seating: { stream: '<b>tide</b>', viewport: PHONE } });
    await cay.reads('message-text', /No stream can have this name/);
    assert.equal(await cay.text('stream-name'), '<b>tide</b>', 'a name is a text');
    assert.equal(await cay.page.$eval('#stream-name', ({ children }) => children.length), 0);
    await fits(cay);
  });

  it('can be used by the keyboard alone', async () => {
    const ada = await stage.arrive('Ada', present('tide'));
    await until('a picture', () => ada.page.$eval('#mirror-video', ({ videoWidth }) => videoWidth > 0));
    await ada.page.focus('#name');
    await ada.page.keyboard.press('Enter');
    await ada.isIn('live');
    await focusIsOn(ada, 'on-air-title');
    const ben = await stage.arrive('Ben');
    await ben.isIn('playing');
    await tabTo(ben, 'Sound off');
    await ben.page.keyboard.press('Enter');
    await tabTo(ben, 'Figures');
    await ben.page.keyboard.press('Enter');
    await ben.reads('figure-bitrate', /bit\/s/);
    await tabTo(ada, 'End the stream');
    await ada.page.keyboard.press('Enter');
    await tabTo(ada, 'End it');
    await ada.page.keyboard.press('Enter');
    await focusIsOn(ada, 'over-title');
  });
});

tell('The first page', { person: Spectator, seating: { stream: 'tide' } }, (stage) => {
  it('leads to the studio and to a stream', async () => {
    const ada = await stage.arrive('Ada');
    await ada.page.goto(new URL('?video=off', stage.keel.url).href);
    await ada.page.type('#watch-name', 'no name');
    await ada.page.keyboard.press('Enter');
    await ada.reads('watch-error', /letters/);
    await ada.page.$eval('#watch-name', (field) => { field.value = ''; });
    await ada.page.type('#watch-name', 'tide');
    await Promise.all([ada.page.waitForNavigation(), ada.page.keyboard.press('Enter')]);
    assert.equal(new URL(ada.page.url()).pathname, '/watch/tide');
    await Promise.all([ada.page.waitForNavigation(), ada.press('home')]);
    await Promise.all([ada.page.waitForNavigation(), ada.press('to-live')]);
    const { pathname, search } = new URL(ada.page.url());
    assert.deepEqual([pathname, search], ['/live', '?video=off']);
    assert.match(await ada.page.$eval('#name', ({ value }) => value), /^[a-z0-9]{10}$/, 'a name of its own');
  });
});

/** How many bytes so many frames of the picture take, from now on. */
async function bytesOf(viewer, frames) {
  const from = await viewer.reception('video');
  const to = await until('further frames', () => viewer.reception('video'), ({ framesDecoded }) => framesDecoded >= from.framesDecoded + frames);
  return (to.bytesReceived - from.bytesReceived) / (to.framesDecoded - from.framesDecoded);
}

/** Has the page share a square drawing that changes where it would ask for a screen. */
function shareDrawing() {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 320 });
    const context = canvas.getContext('2d');
    let round = 0;
    setInterval(() => {
      round += 1;
      context.fillStyle = `hsl(${round * 37} 90% 60%)`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 100);
    return canvas.captureStream(10);
  };
}
