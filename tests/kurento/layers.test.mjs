import assert from 'node:assert/strict';
import { it } from 'node:test';
import { BadNetwork } from '../shared/bad-network.mjs';
import { until } from '../shared/waiting.mjs';
import { WITH_ADMINISTRATOR, leftOut, videoOf } from './administrator.mjs';
import { ask } from './apps/ask.mjs';
import { Presentation } from './presentation.mjs';
import { tell } from './theatre.mjs';

/** Widths of the three encodings of `pages/presenter.js`, and of the spatial layers. */
const [LEAST, MIDDLE, BEST] = [240, 480, 960];
const PATH = { delay_ms: 20, rate: 3_000_000, queue_ms: 500 };
/** Bits per second: beside the sound the least of the three encodings fits, and not all layers of one stream. */
const NARROW = 400_000;

const isBest = (width) => width === BEST;
const isLess = (width) => width < BEST;
/** The longest standstill at a fall to a sixth: the queue of half a second empties, and a keyframe passes the path. */
const STILL_MS = 2_000;
/** To climb to the best layer takes seconds by itself, and shared cores may make several times as much of it. */
const PATIENCE_MS = 60_000;

tell('A presentation in three encodings', (theatre) => {
  it('follows the path of each viewer as it narrows and widens, to nobody else\'s harm', async () => {
    await behind(PATH, async (network) => {
      const presentation = await Presentation.begin(theatre, 'simulcast', 3);
      const ben = await presentation.joinedBy('Ben', network);
      const others = [await presentation.joinedBy('Cay'), await presentation.joinedBy('Dan')];
      for (const viewer of [ben, ...others]) await viewer.shows('as good as it gets', isBest);
      for (const viewer of [ben, ...others]) await viewer.beginToCount();
      const before = await missing(theatre, network);
      await network.change({ rate: NARROW });
      await ben.shows('that fits', isLess, 40);
      await network.change({ rate: PATH.rate });
      await ben.shows('as good as before', isBest, 20);

      const account = await ben.account();
      const accounts = await Promise.all(others.map((viewer) => viewer.account()));
      const left = await missing(theatre, network) - before;
      const words = JSON.stringify({ account, accounts, left });
      // Where the machine has no time for pictures, everybody's stand still.
      const still = Math.max(...accounts.map((other) => other.stillMs));
      assert.ok(account.stillMs <= 4 * still + STILL_MS, `it goes on: ${words}`);
      // Browsers count each frame of a queue that empties at a third of its rate as a freeze: pictures are counted here.
      const frames = Math.min(...accounts.map((other) => other.frames));
      assert.ok(account.frames >= frames / 2, `it moves: ${words}`);
      isWhole(account, left, words);
      assert.ok(account.audioLost <= left && account.audioEnergy > 0 && account.concealed < 0.1, `it is heard all the time: ${words}`);
      for (const other of accounts) {
        isWhole(other, 0, words);
        assert.deepEqual(other.widths, [BEST], words);
      }
    });
  });

  it('is switched by hand, with a keyframe for each switch and no frame missing', async () => {
    await isSwitchedByHand(theatre, 'simulcast', [[800, MIDDLE], [120, LEAST], [0, BEST], [120, LEAST], [0, BEST]]);
  });

  it('may name its encodings as groups of streams', async () => {
    await isSwitchedByHand(theatre, 'simulcast-groups', [[120, LEAST], [0, BEST]]);
  });
}, { flags: WITH_ADMINISTRATOR });

tell('A presentation in layers of one stream', (theatre) => {
  it('loses spatial layers of VP9 where the path is narrow', async () => {
    await followsItsPath(theatre, 'vp9-svc', NARROW, ({ spatial }) => spatial === 2);
  });

  it('loses temporal layers of AV1 where the path is narrow', async () => {
    await followsItsPath(theatre, 'av1-temporal', NARROW, ({ temporal }) => temporal === 2);
  });
}, { flags: WITH_ADMINISTRATOR });

/** Tells a story with a bad network. */
async function behind(settings, story) {
  const network = new BadNetwork(settings);
  try {
    await story(network);
  } finally {
    await network.end();
  }
}

async function isSwitchedByHand(theatre, sends, steps) {
  const presentation = await Presentation.begin(theatre, sends, 3);
  const ben = await presentation.joinedBy('Ben');
  await ben.shows('as good as it gets', isBest);
  const [endpoint] = presentation.endpoints;
  const [asked, before] = [await presentation.keyframeRequests(), await leftOut(theatre.keel)];
  await ben.beginToCount();
  for (const [kilobits, width] of steps) {
    await ask(endpoint, 'setMaxVideoSendBandwidth', kilobits);
    await ben.shows(`${width} wide`, (seen) => seen === width, 5);
  }
  const account = await ben.account();
  const requests = await presentation.keyframeRequests() - asked;
  const left = await leftOut(theatre.keel) - before;
  const words = JSON.stringify({ account, requests, left });
  isWhole(account, left, words);
  // One for each switch; a keyframe that has not come after half a second is asked for once more.
  assert.ok(requests <= 2 * (account.widths.length - 1), words);
}

/** One viewer of a scalable stream, whose path narrows and widens. `isTop` tells the best of its layers. */
async function followsItsPath(theatre, sends, rate, isTop) {
  await behind(PATH, async (network) => {
    const presentation = await Presentation.begin(theatre, sends, 1);
    const ben = await presentation.joinedBy('Ben', network);
    const layer = async () => (await videoOf(theatre.keel)).outgoing[0]?.layer;
    const shows = (what, isSo) => until(what, layer, (seen) => seen && isSo(seen), PATIENCE_MS);
    await shows('all layers', isTop);
    await ben.beginToCount();
    const before = await missing(theatre, network);
    await network.change({ rate });
    await shows('fewer layers', (layer) => !isTop(layer));
    await ben.goesOnFor(30);
    await network.change({ rate: PATH.rate });
    await shows('all layers again', isTop);
    await ben.goesOnFor(30);
    const account = await ben.account();
    const left = await missing(theatre, network) - before;
    const words = JSON.stringify({ account, left });
    isWhole(account, left, words);
  });
}

/** Packets on their way to viewers that a network dropped, or Keel left out since it would not have carried them. */
async function missing(theatre, network) {
  return (await network.counters()).dropped + await leftOut(theatre.keel);
}

/** Nothing is missing beyond what was dropped, and no keyframe had to mend it. */
function isWhole(account, dropped, words) {
  assert.ok(account.lost <= dropped, words);
  assert.equal(account.keyframeRequests, 0, words);
}
