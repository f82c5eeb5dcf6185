import assert from 'node:assert/strict';
import { it } from 'node:test';
import { independent } from './aiortc.mjs';
import { Broadcaster, Spectator } from './broadcast.mjs';
import { tell } from './stage.mjs';

tell('A livestream of a tool that shares nothing with the server or the browser', { person: Spectator }, (stage) => {
  it('is watched by it, decoded, while a page presents', async () => {
    const ada = await Broadcaster.open(stage.browser, stage.keel.url, 'Ada');
    await ada.publishes('tide');
    const { video } = await (await independent('play', new URL('whep/tide', stage.keel.url))).line();
    assert.deepEqual([video.width, video.height], [160, 90]);
    assert.ok(video.different > 5, 'the picture moves');
    await ada.ends();
    await ada.leave();
  });

  it('is presented by it and seen in a page', async () => {
    const presenter = await independent('publish', new URL('whip/ebb', stage.keel.url));
    await presenter.line();
    const ben = await stage.arrive('Ben');
    await ben.plays('ebb');
    await ben.sees();
    await presenter.end();
  });
});
