import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Guest } from './guest.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

/** Wide enough that Chromium sends all three encodings, slow enough for two shared cores. */
const WIDE = '960x540@10';
const LARGE = { width: 1600, height: 1000 };
const SMALL = { width: 360, height: 480 };

tell('In a room', { person: Guest }, (stage) => {
  it('a picture comes in the quality of its tile, and what nobody watches is not even encoded', async () => {
    const ada = await stage.seat('Ada', { seating: { video: WIDE, viewport: SMALL } });
    const ben = await stage.seat('Ben', { seating: { viewport: LARGE } });
    await ben.seesPictureOf(ada);
    const full = await until('the full picture', () => ben.reception(ada), ({ frameWidth }) => frameWidth === 960);

    await ben.page.setViewport(SMALL);
    await until('a smaller picture', () => ben.reception(ada), ({ frameWidth, framesDecoded }) => frameWidth < 960 && framesDecoded > full.framesDecoded);
    await activeAreOnly(ada, ['h', 'q']);
    await sendsNoMore(ada, 'f');

    await ben.page.setViewport(LARGE);
    await until('the full picture again', () => ben.reception(ada), ({ frameWidth }) => frameWidth === 960);
    await ben.seesPictureOf(ada);
  });

  it('a picture that is not on the screen is not sent', async () => {
    const ada = await stage.seat('Ada', { seating: { viewport: SMALL } });
    const ben = await stage.seat('Ben');
    await ben.seesPictureOf(ada);
    await ada.seesPictureOf(ben);
    // On a phone the chat covers the pictures, but they stay; a hidden page shows nothing at all.
    await ben.page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    let last = await ben.reception(ada);
    await until('a second without a frame', async () => {
      const seen = await ben.reception(ada);
      if (seen.framesReceived !== last.framesReceived) last = seen;
      return seen.timestamp - last.timestamp;
    }, (silentMs) => silentMs > 1000);
    await ben.hearsSoundOf(ada);
    await ben.page.evaluate(() => {
      delete document.visibilityState;
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await ben.seesPictureOf(ada);
  });
});

/** Waits until no other encodings than these are on. */
async function activeAreOnly(guest, among) {
  const look = async () => Object.entries(await guest.encodingsSent()).filter(([, { active: on }]) => on).map(([rid]) => rid);
  await until(`${guest.name} to send only ${among}`, look, (rids) => rids.length > 0 && rids.every((rid) => among.includes(rid)));
}

async function sendsNoMore(guest, rid) {
  const before = (await guest.encodingsSent())[rid].bytesSent;
  const others = total(await guest.encodingsSent(), rid);
  const seen = await until('more of the others', () => guest.encodingsSent(), (sent) => total(sent, rid) > others + 5000);
  assert.equal(seen[rid].bytesSent, before);
}

function total(sent, without) {
  return Object.entries(sent).filter(([rid]) => rid !== without).reduce((sum, [, { bytesSent }]) => sum + bytesSent, 0);
}
