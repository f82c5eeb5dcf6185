import assert from 'node:assert/strict';
import { it } from 'node:test';
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

  /** Asserts one error of an invocation. */
  async function refuses(client, object, operation, operationParams, expected) {
    const error = await client.refusal('invoke', { object, operation, operationParams });
    matches(error, expected, operation);
  }

  function matches(error, { code, type, message }, what) {
    assert.equal(error.code, code, `${what}: ${JSON.stringify(error)}`);
    assert.equal(error.data?.type, type, what);
    if (message) assert.match(error.message, message, what);
    else assert.ok(error.message.length > 0, what);
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
    const gone = { code: 40101, type: 'MEDIA_OBJECT_NOT_FOUND', message: new RegExp(`Object '${NOWHERE}' not found`) };
    matches(await client.refusal('describe', { object: NOWHERE }), gone, 'describe');
    matches(await client.refusal('subscribe', { object: NOWHERE, type: 'Error' }), gone, 'subscribe');
    matches(await client.refusal('create', { type: 'WebRtcEndpoint', constructorParams: { mediaPipeline: NOWHERE } }), gone, 'create');
    await refuses(client, NOWHERE, 'getName', undefined, gone);
    const sink = `${pipeline}/22222222-2222-4222-8222-222222222222_kurento.WebRtcEndpoint`;
    await refuses(client, endpoint, 'connect', { sink }, { ...gone, message: new RegExp(`Object '${sink}' not found`) });
    await refuses(client, endpoint, 'connect', { sink: pipeline }, { code: 40001, type: 'MARSHALL_ERROR', message: /'sink'/ });
    await client.result('release', { object: pipeline });
    await refuses(client, endpoint, 'getName', undefined, { code: 40101, type: 'MEDIA_OBJECT_NOT_FOUND' });
  });

  it('classes, constructor parameters, operations and events that do not exist', async () => {
    const { client, pipeline, endpoint } = await furnished();
    for (const type of ['Nothing', 'elements.WebRtcEndpoint', 'MediaElement', 'chroma.ChromaFilter', 'ServerManager']) {
      matches(await client.refusal('create', { type, constructorParams: { mediaPipeline: pipeline } }), {
        code: 40108, type: 'MEDIA_OBJECT_NOT_AVAILABLE', message: new RegExp(`Factory '${type}' not found`),
      }, type);
    }
    const marshal = (message) => ({ code: 40001, type: 'MARSHALL_ERROR', message });
    matches(await client.refusal('create', { type: 'WebRtcEndpoint', constructorParams: {} }), marshal(/'mediaPipeline'/), 'no parent');
    matches(await client.refusal('create', { type: 'WebRtcEndpoint' }), marshal(/'mediaPipeline' parameter/), 'no parameters');
    const wordy = { mediaPipeline: pipeline, certificateKeyType: 'DSA' };
    matches(await client.refusal('create', { type: 'WebRtcEndpoint', constructorParams: wordy }), marshal(/Invalid value for 'CertificateKeyType'/), 'enum');
    await refuses(client, endpoint, 'dance', {}, { code: 40008, type: 'MALFORMED_TRANSACTION', message: /Method 'dance' with 0 parameters not found/ });
    matches(await client.refusal('subscribe', { object: endpoint, type: 'Nothing' }), {
      code: 40106, type: 'MEDIA_OBJECT_EVENT_NOT_SUPPORTED', message: /Event 'Nothing' not supported/,
    }, 'event');
    matches(await client.refusal('subscribe', { object: pipeline, type: 'IceCandidateFound' }), {
      code: 40106, type: 'MEDIA_OBJECT_EVENT_NOT_SUPPORTED',
    }, 'event of another class');
  });

  it('operation parameters of the wrong type (40001)', async () => {
    const { client, endpoint } = await furnished();
    const marshal = (message) => ({ code: 40001, type: 'MARSHALL_ERROR', message });
    await refuses(client, endpoint, 'processOffer', {}, marshal(/'offer' parameter/));
    await refuses(client, endpoint, 'processOffer', { offer: {} }, marshal(/'offer' parameter should be a string/));
    await refuses(client, endpoint, 'connect', { sink: endpoint, mediaType: 'SMELL' }, marshal(/Invalid value for 'MediaType'/));
    await refuses(client, endpoint, 'setMaxVideoSendBandwidth', { maxVideoSendBandwidth: {} }, marshal(/'maxVideoSendBandwidth'/));
    await refuses(client, endpoint, 'addIceCandidate', { candidate: 'text' }, marshal(/'candidate'/));
    await refuses(client, endpoint, 'addTag', { key: 'k' }, marshal(/'value'/));
    // KMS converts what jsoncpp calls convertible, since its Java client sends text.
    await client.invoke(endpoint, 'setMaxVideoSendBandwidth', { maxVideoSendBandwidth: '640' });
    assert.equal(await client.invoke(endpoint, 'getMaxVideoSendBandwidth'), 640);
    await client.invoke(endpoint, 'setSendTagsInEvents', { sendTagsInEvents: 'true' });
    assert.equal(await client.invoke(endpoint, 'getSendTagsInEvents'), true);
  });

  it('negotiation out of turn', async () => {
    const { client, pipeline, endpoint } = await furnished();
    await refuses(client, endpoint, 'getLocalSessionDescriptor', {}, { code: 40202, type: 'SDP_END_POINT_NO_LOCAL_SDP_ERROR', message: /No local SDP/ });
    await refuses(client, endpoint, 'getRemoteSessionDescriptor', {}, { code: 40203, type: 'SDP_END_POINT_NO_REMOTE_SDP_ERROR' });
    await refuses(client, endpoint, 'processOffer', { offer: '' }, { code: 40201, type: 'SDP_PARSE_ERROR', message: /Empty offer not valid/ });
    await refuses(client, endpoint, 'processOffer', { offer: 'v=0 offer' }, { code: 40201, type: 'SDP_PARSE_ERROR' });
    await refuses(client, endpoint, 'processAnswer', { answer: chromiumOffer() }, { code: 40209, type: 'SDP_END_POINT_NOT_OFFER_GENERATED' });
    await client.invoke(endpoint, 'processOffer', { offer: chromiumOffer() });
    const negotiated = { code: 40208, type: 'SDP_END_POINT_ALREADY_NEGOTIATED' };
    await refuses(client, endpoint, 'processOffer', { offer: chromiumOffer() }, negotiated);
    await refuses(client, endpoint, 'generateOffer', {}, negotiated);

    const [offering, answering] = [
      await client.create('WebRtcEndpoint', { mediaPipeline: pipeline }),
      await client.create('WebRtcEndpoint', { mediaPipeline: pipeline }),
    ];
    const offer = await client.invoke(offering, 'generateOffer');
    const answer = await client.invoke(answering, 'processOffer', { offer });
    await client.invoke(offering, 'processAnswer', { answer });
    await refuses(client, offering, 'processAnswer', { answer }, { code: 40210, type: 'SDP_END_POINT_ANSWER_ALREADY_PROCCESED' });
  });

  it('elements of different pipelines (40004)', async () => {
    const { client, endpoint } = await furnished();
    const other = await client.create('MediaPipeline');
    const stranger = await client.create('PassThrough', { mediaPipeline: other });
    await refuses(client, endpoint, 'connect', { sink: stranger }, {
      code: 40004, type: 'CONNECT_ERROR', message: /Media elements do not share pipeline/,
    });
  });

  it('tags, modules, sessions and data channels that do not exist', async () => {
    const { client, pipeline, endpoint } = await furnished();
    await refuses(client, endpoint, 'getTag', { key: 'k' }, { code: 40110, type: 'MEDIA_OBJECT_TAG_KEY_NOT_FOUND' });
    await refuses(client, 'manager_ServerManager', 'getKmd', { moduleName: 'astrology' }, { code: 40500, type: 'UNDEFINED' });
    matches(await client.refusal('connect', { sessionId: 'nobody' }), { code: 40007, type: 'INVALID_SESSION', message: /Invalid session/ }, 'connect');
    await refuses(client, endpoint, 'createDataChannel', {}, { code: 40111, type: 'MEDIA_OBJECT_OPERATION_NOT_SUPPORTED' });
    const withData = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline, useDataChannels: true });
    await refuses(client, withData, 'createDataChannel', { maxPacketLifeTime: 100, maxRetransmits: 3 }, {
      code: 40107, type: 'MEDIA_OBJECT_ILLEGAL_PARAM_ERROR',
    });
    await refuses(client, endpoint, 'requestKeyframe', {}, { code: 40111, type: 'MEDIA_OBJECT_OPERATION_NOT_SUPPORTED' });
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
