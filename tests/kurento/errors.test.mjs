import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TYPES } from './codes.mjs';
import { tell } from './house.mjs';
import { chromiumOffer } from './offers.mjs';

const NOWHERE = '11111111-1111-4111-8111-111111111111_kurento.MediaPipeline';

tell('An error names its code, its type and what was wrong:', {}, (house) => {
  /** A client with a pipeline and two endpoints. */
  async function furnished() {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    return { client, pipeline, endpoint };
  }

  /** Asserts the error of an invocation: its code, the code's name, and its words. */
  async function refuses(client, object, operation, operationParams, code, words = /./) {
    matches(await client.refusal('invoke', { object, operation, operationParams }), code, words, operation);
  }

  function matches(error, code, words, what) {
    assert.equal(error.code, code, `${what}: ${JSON.stringify(error)}`);
    assert.equal(error.data?.type, TYPES[code], what);
    assert.match(error.message, words, what);
  }

  it('messages that are no requests', async () => {
    const client = await house.raw();
    for (const [text, code, message] of [
      ['{"jsonrpc":"2.0","id":1,', -32700, /Parse error/],
      ['no json', -32700, /Parse error/],
      ['[]', -32600, /Invalid JSON-RPC request/],
      ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600, /Invalid JSON-RPC request/],
      ['"text"', -32600, /Invalid JSON-RPC request/],
      ['17', -32600, /Invalid JSON-RPC request/],
      ['null', -32600, /Invalid JSON-RPC request/],
      ['{"id":1,"method":"ping"}', -32600, /Invalid JSON-RPC request/],
      ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, /Invalid JSON-RPC request/],
      ['{"jsonrpc":"2.0","id":1}', -32600, /Invalid JSON-RPC request/],
    ]) {
      const before = client.messages.length;
      client.send(text);
      await client.result('ping', {});
      const [answer, pong] = client.messages.slice(before);
      assert.equal(answer.error?.code, code, `${text} answered ${JSON.stringify(answer)}`);
      assert.match(answer.error.message, message);
      assert.equal(answer.id, null, text);
      assert.equal(pong.result.value, 'pong', 'the connection goes on');
    }
  });

  it('methods that do not exist, and requests that lack a part', async () => {
    const { client, pipeline } = await furnished();
    assert.deepEqual(await client.refusal('fly', {}), { code: -32601, message: 'Method not found.' });
    for (const method of ['create', 'invoke', 'describe', 'subscribe', 'release', 'transaction']) {
      client.send(JSON.stringify({ jsonrpc: '2.0', id: `${method} bare`, method }));
      const { error } = await client.answer(`${method} bare`);
      assert.equal(error.code, -32602, method);
      assert.match(error.message, /'params' is required/);
    }
    for (const [method, params, message] of [
      ['invoke', { operation: 'getName' }, /'object' parameter is required/],
      ['invoke', { object: pipeline }, /'operation' parameter is required/],
      ['invoke', { object: 7, operation: 'getName' }, /'object' parameter should be a string/],
      ['create', { constructorParams: {} }, /'type' parameter is required/],
      ['describe', {}, /'object' parameter is required/],
      ['subscribe', { object: pipeline }, /'type' parameter is required/],
      ['release', {}, /'object' parameter is required/],
      ['transaction', {}, /'operations' parameter is required/],
    ]) {
      const error = await client.refusal(method, params);
      assert.equal(error.code, -32000, `${method} ${JSON.stringify(params)}`);
      assert.match(error.message, message);
    }
  });

  it('objects that are not there (40101)', async () => {
    const { client, pipeline, endpoint } = await furnished();
    const notFound = (id) => new RegExp(`Object '${id}' not found`);
    const inNowhere = { type: 'WebRtcEndpoint', constructorParams: { mediaPipeline: NOWHERE } };
    matches(await client.refusal('describe', { object: NOWHERE }), 40101, notFound(NOWHERE), 'describe');
    matches(await client.refusal('subscribe', { object: NOWHERE, type: 'Error' }), 40101, notFound(NOWHERE), 'subscribe');
    matches(await client.refusal('create', inNowhere), 40101, notFound(NOWHERE), 'create');
    await refuses(client, NOWHERE, 'getName', undefined, 40101, notFound(NOWHERE));
    const sink = `${pipeline}/22222222-2222-4222-8222-222222222222_kurento.WebRtcEndpoint`;
    await refuses(client, endpoint, 'connect', { sink }, 40101, notFound(sink));
    await client.result('release', { object: pipeline });
    await refuses(client, endpoint, 'getName', undefined, 40101, notFound(endpoint));
  });

  it('classes, constructor parameters, operations and events that do not exist', async () => {
    const { client, pipeline, endpoint } = await furnished();
    const creating = (type, constructorParams) => client.refusal('create', { type, constructorParams });
    const subscribing = (object, type) => client.refusal('subscribe', { object, type });
    for (const type of ['Nothing', 'elements.WebRtcEndpoint', 'MediaElement', 'chroma.ChromaFilter', 'ServerManager']) {
      matches(await creating(type, { mediaPipeline: pipeline }), 40108, new RegExp(`Factory '${type}' not found`), type);
    }
    matches(await creating('WebRtcEndpoint', {}), 40001, /'mediaPipeline' parameter/, 'no parent');
    matches(await creating('WebRtcEndpoint', undefined), 40001, /'constructorParams' is required/, 'no parameters');
    const wordy = { mediaPipeline: pipeline, certificateKeyType: 'DSA' };
    matches(await creating('WebRtcEndpoint', wordy), 40001, /Invalid value for 'CertificateKeyType'/, 'no such word');
    await refuses(client, endpoint, 'dance', {}, 40008, /Method 'dance' with 0 parameters not found/);
    matches(await subscribing(endpoint, 'Nothing'), 40106, /Event 'Nothing' not supported/, 'no such event');
    matches(await subscribing(pipeline, 'IceCandidateFound'), 40106, /Event 'IceCandidateFound' not supported/, 'of another class');
  });

  it('operation parameters of the wrong type (40001)', async () => {
    const { client, pipeline, endpoint } = await furnished();
    await refuses(client, endpoint, 'processOffer', {}, 40001, /'offer' parameter/);
    await refuses(client, endpoint, 'processOffer', { offer: {} }, 40001, /'offer' parameter should be a string/);
    await refuses(client, endpoint, 'connect', { sink: endpoint, mediaType: 'SMELL' }, 40001, /Invalid value for 'MediaType'/);
    await refuses(client, endpoint, 'connect', { sink: pipeline }, 40001, /'sink'/);
    await refuses(client, endpoint, 'setMaxVideoSendBandwidth', { maxVideoSendBandwidth: {} }, 40001, /'maxVideoSendBandwidth'/);
    await refuses(client, endpoint, 'addIceCandidate', { candidate: 'text' }, 40001, /'candidate'/);
    await refuses(client, endpoint, 'addTag', { key: 'k' }, 40001, /'value'/);
    // KMS converts what jsoncpp calls convertible, since its Java client sends text.
    await client.invoke(endpoint, 'setMaxVideoSendBandwidth', { maxVideoSendBandwidth: '640' });
    assert.equal(await client.invoke(endpoint, 'getMaxVideoSendBandwidth'), 640);
    await client.invoke(endpoint, 'setSendTagsInEvents', { sendTagsInEvents: 'true' });
    assert.equal(await client.invoke(endpoint, 'getSendTagsInEvents'), true);
  });

  it('negotiation out of turn', async () => {
    const { client, pipeline, endpoint } = await furnished();
    await refuses(client, endpoint, 'getLocalSessionDescriptor', {}, 40202, /No local SDP/);
    await refuses(client, endpoint, 'getRemoteSessionDescriptor', {}, 40203);
    await refuses(client, endpoint, 'processOffer', { offer: '' }, 40201, /Empty offer not valid/);
    await refuses(client, endpoint, 'processOffer', { offer: 'v=0 offer' }, 40201);
    await refuses(client, endpoint, 'processAnswer', { answer: chromiumOffer() }, 40209);
    await client.invoke(endpoint, 'processOffer', { offer: chromiumOffer() });
    await refuses(client, endpoint, 'processOffer', { offer: chromiumOffer() }, 40208);
    await refuses(client, endpoint, 'generateOffer', {}, 40208);

    const [offering, answering] = [
      await client.create('WebRtcEndpoint', { mediaPipeline: pipeline }),
      await client.create('WebRtcEndpoint', { mediaPipeline: pipeline }),
    ];
    const offer = await client.invoke(offering, 'generateOffer');
    const answer = await client.invoke(answering, 'processOffer', { offer });
    await client.invoke(offering, 'processAnswer', { answer });
    await refuses(client, offering, 'processAnswer', { answer }, 40210);
  });

  it('elements of different pipelines (40004)', async () => {
    const { client, endpoint } = await furnished();
    const other = await client.create('MediaPipeline');
    const sink = await client.create('PassThrough', { mediaPipeline: other });
    await refuses(client, endpoint, 'connect', { sink }, 40004, /Media elements do not share pipeline/);
  });

  it('tags, modules, sessions and data channels that do not exist', async () => {
    const { client, pipeline, endpoint } = await furnished();
    await refuses(client, endpoint, 'getTag', { key: 'k' }, 40110);
    await refuses(client, 'manager_ServerManager', 'getKmd', { moduleName: 'astrology' }, 40500);
    matches(await client.refusal('connect', { sessionId: 'nobody' }), 40007, /Invalid session/, 'connect');
    await refuses(client, endpoint, 'createDataChannel', {}, 40111);
    const withData = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline, useDataChannels: true });
    await refuses(client, withData, 'createDataChannel', { maxPacketLifeTime: 100, maxRetransmits: 3 }, 40107);
    await refuses(client, endpoint, 'requestKeyframe', {}, 40111);
  });
});

tell('A server that is full', { flags: ['--kurento-objects-per-session-max', '3'] }, (house) => {
  it('says so (40009), and takes more when something was released', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const elements = [];
    let refusal = null;
    // The bound is in sight: a pipeline and its elements up to three.
    while (refusal === null && elements.length < 5) {
      const { result, error } = await client.call('create', { type: 'PassThrough', constructorParams: { mediaPipeline: pipeline } });
      if (result) elements.push(result.value);
      refusal = error ?? null;
    }
    assert.equal(refusal?.code, 40009);
    assert.equal(refusal.data.type, 'NOT_ENOUGH_RESOURCES');
    assert.equal(elements.length, 2);
    const other = await house.raw();
    await other.create('MediaPipeline');
    await client.result('release', { object: elements[0] });
    await client.create('PassThrough', { mediaPipeline: pipeline });
  });
});
