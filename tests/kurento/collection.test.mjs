import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { tell } from './house.mjs';

/** A session is given up between one and two of these after its socket has died. */
const PERIOD_S = 1;

tell('The objects of a client that died', { flags: ['--kurento-garbage-collection-s', String(PERIOD_S)] }, (house) => {
  /** Waits until the server has as many pipelines. */
  const pipelines = (count) =>
    until(`${count} pipelines`, async () => (await house.keel.gauges()).keel_pipelines, (seen) => seen === count);

  it('vanish, with what was negotiated in them', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    await pipelines(1);
    await client.vanish();
    await pipelines(0);
    const { keel_endpoints } = await house.keel.gauges();
    assert.equal(keel_endpoints, 0);
    const other = await house.raw();
    assert.equal((await other.refusal('invoke', { object: pipeline, operation: 'getName' })).code, 40101);
    assert.equal((await other.refusal('connect', { sessionId: client.sessionId })).code, 40007);
  });

  it('stay while another client uses them', async () => {
    const dying = await house.raw();
    const living = await house.raw();
    const [shared, own] = [await dying.create('MediaPipeline'), await dying.create('MediaPipeline')];
    await living.invoke(shared, 'getName');
    await pipelines(2);
    await dying.vanish();
    await pipelines(1);
    assert.equal(await living.invoke(shared, 'getName'), shared);
    assert.equal((await living.refusal('describe', { object: own })).code, 40101);
  });

  it('stay when it comes back in time, and its subscriptions too', async () => {
    const witness = await house.raw(); // its death marks the time: whatever died before it is collected no later
    const before = await house.raw();
    const kept = await before.create('MediaPipeline');
    await before.result('subscribe', { object: 'manager_ServerManager', type: 'ObjectCreated' });
    await before.vanish();
    const after = await house.raw();
    await after.result('connect', { sessionId: before.sessionId });
    await witness.create('MediaPipeline');
    await witness.vanish();
    await pipelines(1);
    assert.equal(await after.invoke(kept, 'getName'), kept);
    const created = await after.create('MediaPipeline');
    await after.seen('its event', ({ params }) => params?.value?.data.object === created);
  });

  it('stay for a living client that says nothing', async () => {
    const silent = await house.raw();
    const quiet = await silent.create('MediaPipeline');
    // Two rounds of collection, seen by the objects of clients that die.
    for (let round = 0; round < 2; round += 1) {
      const dying = await house.raw();
      await dying.create('MediaPipeline');
      await dying.vanish();
      await pipelines(1);
    }
    assert.equal(await silent.invoke(quiet, 'getName'), quiet);
  });
});
