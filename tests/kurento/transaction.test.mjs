import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './house.mjs';

const request = (id, method, params) => ({ jsonrpc: '2.0', id, method, params });

tell('A transaction', {}, (house) => {
  it('refers to what it has created, anywhere in its parameters', async () => {
    const client = await house.raw();
    const { value } = await client.result('transaction', {
      object: { _events: {}, _eventsCount: 1 }, // as the library sends it
      operations: [
        request(0, 'create', { type: 'MediaPipeline' }),
        request(1, 'create', { type: 'WebRtcEndpoint', constructorParams: { mediaPipeline: 'newref:0' } }),
        request(2, 'create', { type: 'WebRtcEndpoint', constructorParams: { mediaPipeline: 'newref:0' } }),
        request(3, 'invoke', { object: 'newref:1', operation: 'connect', operationParams: { sink: 'newref:2' } }),
        request(4, 'subscribe', { object: 'newref:2', type: 'Error' }),
        request(5, 'invoke', { object: 'newref:2', operation: 'getSourceConnections', operationParams: { mediaType: 'VIDEO' } }),
      ],
    });
    for (const [place, { id, jsonrpc, result }] of value.entries()) {
      assert.deepEqual([id, jsonrpc, result?.sessionId], [place, '2.0', client.sessionId]);
    }
    const [pipeline, source, sink, connected, , connections] = value.map(({ result }) => result.value);
    assert.ok(source.startsWith(`${pipeline}/`) && sink.startsWith(`${pipeline}/`));
    assert.equal(connected, null);
    assert.deepEqual(connections, [{
      __module__: 'kurento',
      __type__: 'ElementConnectionData',
      source,
      sink,
      type: 'VIDEO',
      sourceDescription: 'default',
      sinkDescription: 'default',
    }]);
  });

  it('stops at the first error, keeps what it did, and succeeds as a whole', async () => {
    const client = await house.raw();
    const { value } = await client.result('transaction', {
      operations: [
        request(0, 'create', { type: 'MediaPipeline' }),
        request(1, 'invoke', { object: 'newref:0', operation: 'dance', operationParams: {} }),
        request(2, 'invoke', { object: 'newref:0', operation: 'setName', operationParams: { name: 'never' } }),
      ],
    });
    assert.equal(value.length, 2);
    assert.equal(value[1].error.code, 40008);
    assert.equal(value[1].id, 1);
    const pipeline = value[0].result.value;
    assert.equal(await client.invoke(pipeline, 'getName'), pipeline);
  });

  it('releases what it created', async () => {
    const client = await house.raw();
    const { value } = await client.result('transaction', {
      operations: [
        request(0, 'create', { type: 'MediaPipeline' }),
        request(1, 'release', { object: 'newref:0' }),
        request(2, 'describe', { object: 'newref:0' }),
      ],
    });
    assert.deepEqual(value[1].result, { sessionId: client.sessionId });
    assert.equal(value[2].error.code, 40101);
  });

  it('needs its ids in order, and references to what is there', async () => {
    const client = await house.raw();
    const misnumbered = await client.refusal('transaction', { operations: [request(0, 'ping', {}), request(2, 'ping', {})] });
    assert.equal(misnumbered.code, 40008);
    assert.match(misnumbered.message, /Id of request '1' should be '1'/);
    assert.equal(misnumbered.data.type, 'MALFORMED_TRANSACTION');

    for (const reference of ['newref:7', 'newref:1', 'newref:x', 'newref:-1', 'newref:']) {
      const answer = await client.call('transaction', {
        operations: [request(0, 'create', { type: 'MediaPipeline' }), request(1, 'describe', { object: reference })],
      });
      const error = answer.error ?? answer.result.value.at(-1).error;
      assert.equal(error?.code, 40008, reference);
    }
  });

  it('is where references belong: outside of one they are refused (40109)', async () => {
    const client = await house.raw();
    const error = await client.refusal('describe', { object: 'newref:0' });
    assert.equal(error.code, 40109);
    assert.equal(error.data.type, 'MEDIA_OBJECT_NOT_FOUND_TRANSACTION_NO_COMMIT');
  });

  it('may carry the session in each of its operations, and may be empty', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const { sessionId } = client;
    const { value } = await client.result('transaction', {
      operations: [
        request(0, 'invoke', { object: pipeline, operation: 'setName', operationParams: { name: 'a' }, sessionId }),
        request(1, 'invoke', { object: pipeline, operation: 'getName', sessionId }),
      ],
    });
    assert.deepEqual(value.map(({ result }) => result.value), [null, 'a']);
    assert.deepEqual((await client.result('transaction', { operations: [] })).value, []);
  });
});
