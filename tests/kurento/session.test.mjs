import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './house.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MANAGER = 'manager_ServerManager';

tell('A session', {}, (house) => {
  it('begins with the first request that needs one, and all requests before its id is known are in it', async () => {
    const client = await house.raw();
    // As the library sends them: back to back, none with a session.
    const ids = [
      client.post('ping', { interval: 5000 }),
      client.post('describe', { object: MANAGER, sessionId: undefined }),
      client.post('create', { type: 'MediaPipeline', properties: {}, sessionId: undefined }),
    ];
    const [pong, described, created] = await Promise.all(ids.map((id) => client.answer(id)));
    assert.deepEqual(pong, { id: ids[0], jsonrpc: '2.0', result: { value: 'pong' } });
    assert.match(described.result.sessionId, UUID);
    assert.equal(created.result.sessionId, described.result.sessionId);
    assert.match(created.result.value, /^[0-9a-f-]{36}_kurento\.MediaPipeline$/);
  });

  it('answers pings with its id, with and without parameters', async () => {
    const client = await house.raw();
    await client.result('describe', { object: MANAGER });
    assert.deepEqual(await client.result('ping', {}), { sessionId: client.sessionId, value: 'pong' });
    client.send(JSON.stringify({ jsonrpc: '2.0', id: 77, method: 'ping' }));
    assert.deepEqual((await client.answer(77)).result, { sessionId: client.sessionId, value: 'pong' });
  });

  it('describes objects with their lineage, nearest first', async () => {
    const client = await house.raw();
    assert.deepEqual(await client.result('describe', { object: MANAGER }), {
      sessionId: client.sessionId,
      type: 'ServerManager',
      qualifiedType: 'kurento.ServerManager',
      hierarchy: ['kurento.MediaObject'],
    });
    const pipeline = await client.create('MediaPipeline');
    const endpoint = await client.create('kurento.WebRtcEndpoint', { mediaPipeline: pipeline });
    const { type, qualifiedType, hierarchy } = await client.result('describe', { object: endpoint });
    assert.equal(type, 'WebRtcEndpoint');
    assert.equal(qualifiedType, 'kurento.WebRtcEndpoint');
    const lineage = ['BaseRtpEndpoint', 'SdpEndpoint', 'SessionEndpoint', 'Endpoint', 'MediaElement', 'MediaObject'];
    assert.deepEqual(hierarchy, lineage.map((name) => `kurento.${name}`));
  });

  it('may have an id that the client chose', async () => {
    const client = await house.raw({ sessionId: '123456' });
    assert.equal((await client.result('create', { type: 'MediaPipeline' })).sessionId, '123456');
    assert.equal((await client.result('connect', { sessionId: '123456' })).sessionId, '123456');
  });

  it('is resumed by connect, which names the server, and only if it exists', async () => {
    const first = await house.raw();
    const pipeline = await first.create('MediaPipeline');
    const second = await house.raw();
    const resumed = await second.result('connect', { sessionId: first.sessionId });
    assert.equal(resumed.sessionId, first.sessionId);
    assert.match(resumed.serverId, UUID);
    assert.equal(await second.invoke(pipeline, 'getName'), pipeline);

    const stranger = await house.raw();
    const refusal = await stranger.refusal('connect', { sessionId: '6f0d7f5e-0000-4000-8000-000000000000' });
    assert.deepEqual(refusal, { code: 40007, message: 'Invalid session', data: { type: 'INVALID_SESSION' } });
  });

  it('begins with a connect that names none', async () => {
    const client = await house.raw();
    const { sessionId, serverId } = await client.result('connect', {});
    assert.match(sessionId, UUID);
    assert.match(serverId, UUID);
  });

  it('belongs to the last socket that used it: events go there', async () => {
    const first = await house.raw();
    await first.result('subscribe', { object: MANAGER, type: 'ObjectCreated' });
    const second = await house.raw();
    await second.result('connect', { sessionId: first.sessionId });
    const pipeline = await second.create('MediaPipeline');
    const { data } = await second.event('ObjectCreated', MANAGER);
    assert.equal(data.object, pipeline);

    await first.invoke(pipeline, 'getName');
    const another = await first.create('MediaPipeline');
    await first.seen('the event of the second pipeline', ({ params }) => params?.value?.data.object === another);
    assert.deepEqual(first.events().map(({ data: { object } }) => object), [another], 'the first event was not for this socket');
    assert.deepEqual(second.events().map(({ data: { object } }) => object), [pipeline]);
  });

  it('ends by closeSession; its objects stay while another session holds them', async () => {
    const maker = await house.raw();
    const guest = await house.raw();
    const [shared, own] = [await maker.create('MediaPipeline'), await maker.create('MediaPipeline')];
    await guest.invoke(shared, 'getName');
    await maker.call('closeSession', {});
    assert.equal(await guest.invoke(shared, 'getName'), shared);
    assert.equal((await guest.refusal('invoke', { object: own, operation: 'getName' })).code, 40101);
  });

  it('takes even shared objects with it when closeSession says so', async () => {
    const maker = await house.raw();
    const guest = await house.raw();
    const shared = await maker.create('MediaPipeline');
    await guest.invoke(shared, 'getName');
    await maker.call('closeSession', { release: true });
    assert.equal((await guest.refusal('invoke', { object: shared, operation: 'getName' })).code, 40101);
  });

  it('holds and lets go of objects by ref and unref', async () => {
    const maker = await house.raw();
    const guest = await house.raw();
    await guest.result('describe', { object: MANAGER });
    const pipeline = await maker.create('MediaPipeline');
    await guest.result('ref', { object: pipeline });
    await maker.result('unref', { object: pipeline });
    assert.equal(await guest.invoke(pipeline, 'getName'), pipeline, 'held by the guest');
    await guest.result('unref', { object: pipeline });
    assert.equal((await guest.refusal('describe', { object: pipeline })).code, 40101, 'held by nobody');
    assert.equal((await guest.refusal('ref', { object: pipeline })).code, 40101);
  });

  it('is kept alive by keepAlive, if it exists', async () => {
    const client = await house.raw();
    await client.create('MediaPipeline');
    await client.result('keepAlive', { sessionId: client.sessionId });
    assert.equal((await client.refusal('keepAlive', { sessionId: 'nobody' })).code, 40007);
  });

  it('hears each event once, however often it has subscribed, and none after unsubscribing from all', async () => {
    const client = await house.raw();
    const subscribe = async () => (await client.result('subscribe', { object: MANAGER, type: 'ObjectCreated' })).value;
    const subscriptions = [await subscribe(), await subscribe()];
    for (const subscription of subscriptions) assert.match(subscription, UUID);
    const first = await client.create('MediaPipeline');
    await client.event('ObjectCreated', MANAGER);
    await client.result('unsubscribe', { object: MANAGER, subscription: subscriptions[0] });
    await client.result('unsubscribe', { object: MANAGER, subscription: subscriptions[1] });
    await client.result('unsubscribe', { object: MANAGER, subscription: 'never existed' });
    await client.create('MediaPipeline');
    await client.invoke(MANAGER, 'getMetadata');
    assert.deepEqual(client.events().map(({ data: { object } }) => object), [first]);
  });

  it('may unsubscribe from an object that is gone', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const { value: subscription } = await client.result('subscribe', { object: pipeline, type: 'Error' });
    await client.result('release', { object: pipeline });
    assert.deepEqual(await client.result('unsubscribe', { object: pipeline, subscription }), { sessionId: client.sessionId });
    assert.deepEqual(await client.result('release', { object: pipeline }), { sessionId: client.sessionId });
  });

  it('answers in the order of its requests, and requests without an id not at all', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const ids = [];
    for (let round = 0; round < 50; round += 1) {
      client.send(JSON.stringify({ jsonrpc: '2.0', method: 'invoke', params: { object: pipeline, operation: 'getName' } }));
      ids.push(client.post('create', { type: 'WebRtcEndpoint', constructorParams: { mediaPipeline: pipeline } }));
      ids.push(client.post('invoke', { object: pipeline, operation: 'getChildren' }));
    }
    await client.answer(ids.at(-1));
    assert.deepEqual(client.messages.map(({ id }) => id), [0, ...ids]);
  });

  it('gets a repeated request answered from the first answer', async () => {
    const client = await house.raw();
    await client.result('describe', { object: MANAGER });
    const text = JSON.stringify({
      jsonrpc: '2.0', id: 4711, method: 'create', params: { type: 'MediaPipeline', sessionId: client.sessionId },
    });
    client.send(text);
    client.send(text);
    await client.result('ping', {});
    const answers = client.messages.filter(({ id }) => id === 4711);
    assert.equal(answers.length, 2);
    assert.deepEqual(answers[0], answers[1]);
    assert.equal((await client.invoke(MANAGER, 'getPipelines')).length, 1, 'a retry creates nothing twice');
  });
});
