import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { WITH_ADMINISTRATOR, videoOf } from './administrator.mjs';
import { OneToMany } from './apps/one-to-many.mjs';
import { tell } from './theatre.mjs';

/** From the least to the best, as `pages/presenter.js` names them. */
const RIDS = ['q', 'h', 'f'];

tell('A presentation in three encodings', (theatre) => {
  it('arrives in each of them, and its viewer gets one ordinary stream', async () => {
    await theatre.runs(OneToMany);
    const presenter = await theatre.visitor('presenter?sends=simulcast', 'Ada');
    await presenter.press('present');
    await presenter.isIn('presenting');
    const viewer = await theatre.visitor('one-to-many', 'Ben');
    await viewer.press('view');
    await viewer.isIn('viewing');
    await viewer.seesAndHears();

    const isSteady = (streams) => streams.length === RIDS.length && streams.every(({ frames, bitrate }) => frames >= 30 && bitrate > 0);
    const streams = await until('three encodings', async () => (await videoOf(theatre.keel)).incoming, isSteady);
    const byRid = new Map(streams.map((stream) => [stream.rid, stream]));
    assert.deepEqual(new Set(byRid.keys()), new Set(RIDS));
    const [least, middle, best] = RIDS.map((rid) => byRid.get(rid).bitrate);
    assert.ok(least < middle && middle < best, `${least}, ${middle} and ${best} bit/s`);
    const { outgoing } = await videoOf(theatre.keel);
    assert.equal(outgoing.length, 1);
    assert.equal(outgoing[0].rid, undefined);
  });
}, { flags: WITH_ADMINISTRATOR });
