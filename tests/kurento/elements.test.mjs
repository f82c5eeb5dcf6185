import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './house.mjs';

const KINDS = ['AUDIO', 'DATA', 'VIDEO'];

tell('Elements', {}, (house) => {
  /** A client, a pipeline and so many pass-throughs in it. */
  async function passThroughs(count) {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const elements = [];
    for (let made = 0; made < count; made += 1) elements.push(await client.create('PassThrough', { mediaPipeline: pipeline }));
    return { client, pipeline, elements };
  }

  const connection = (source, sink, type, more = {}) => ({
    __module__: 'kurento',
    __type__: 'ElementConnectionData',
    source,
    sink,
    type,
    sourceDescription: 'default',
    sinkDescription: 'default',
    ...more,
  });
  const byKind = (connections) => [...connections].sort((a, b) => a.type.localeCompare(b.type));

  it('are connected for every kind of media, or for one', async () => {
    const { client, elements: [source, sink] } = await passThroughs(2);
    await client.invoke(source, 'connect', { sink });
    const all = KINDS.map((kind) => connection(source, sink, kind));
    assert.deepEqual(byKind(await client.invoke(source, 'getSinkConnections')), all);
    assert.deepEqual(byKind(await client.invoke(sink, 'getSourceConnections', {})), all);
    assert.deepEqual(await client.invoke(sink, 'getSinkConnections'), []);
    await client.invoke(source, 'disconnect', { sink, mediaType: 'AUDIO' });
    assert.deepEqual(byKind(await client.invoke(source, 'getSinkConnections')), all.slice(1));
    assert.deepEqual(await client.invoke(source, 'getSinkConnections', { mediaType: 'VIDEO' }), [all[2]]);
    await client.invoke(source, 'disconnect', { sink });
    await client.invoke(source, 'disconnect', { sink });
    assert.deepEqual(await client.invoke(source, 'getSinkConnections'), []);
  });

  it('with a peer may be connected to themselves, and again', async () => {
    const { client, pipeline } = await passThroughs(0);
    const element = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    for (let round = 0; round < 3; round += 1) await client.invoke(element, 'connect', { sink: element });
    const all = KINDS.map((kind) => connection(element, element, kind));
    assert.deepEqual(byKind(await client.invoke(element, 'getSourceConnections')), all);
  });

  it('without a peer cannot feed one another in a circle', async () => {
    const { client, elements: [first, second] } = await passThroughs(2);
    await client.invoke(first, 'connect', { sink: second });
    for (const [object, sink] of [[second, first], [first, first]]) {
      const error = await client.refusal('invoke', { object, operation: 'connect', operationParams: { sink } });
      assert.equal(error.code, 40004);
    }
  });

  it('have one source for each kind: a new one takes the place of the old', async () => {
    const { client, elements: [first, second, sink] } = await passThroughs(3);
    await client.invoke(first, 'connect', { sink });
    await client.invoke(second, 'connect', { sink, mediaType: 'VIDEO' });
    assert.deepEqual(byKind(await client.invoke(sink, 'getSourceConnections')), [
      connection(first, sink, 'AUDIO'), connection(first, sink, 'DATA'), connection(second, sink, 'VIDEO'),
    ]);
    assert.deepEqual(await client.invoke(first, 'getSinkConnections', { mediaType: 'VIDEO' }), []);
  });

  it('tell on the source of each connection that comes and goes', async () => {
    const { client, elements: [source, sink] } = await passThroughs(2);
    for (const type of ['ElementConnected', 'ElementDisconnected']) await client.result('subscribe', { object: source, type });
    await client.invoke(source, 'connect', { sink });
    await client.invoke(source, 'disconnect', { sink, mediaType: 'VIDEO' });
    const { data, object } = await client.event('ElementDisconnected', source);
    assert.equal(object, source);
    const { timestampMillis, timestamp, ...fields } = data;
    assert.match(timestampMillis, /^\d{13}$/);
    if (timestamp !== undefined) assert.match(timestamp, /^\d{10}$/);
    assert.deepEqual(fields, {
      source,
      tags: [],
      type: 'ElementDisconnected',
      sink,
      mediaType: 'VIDEO',
      sourceMediaDescription: 'default',
      sinkMediaDescription: 'default',
    });
    const connected = client.events('ElementConnected').map(({ data: { mediaType } }) => mediaType);
    assert.deepEqual(connected.sort(), KINDS);
  });

  it('keep the descriptions that a connection was given', async () => {
    const { client, elements: [source, sink] } = await passThroughs(2);
    await client.invoke(source, 'connect', {
      sink, mediaType: 'AUDIO', sourceMediaDescription: 'left', sinkMediaDescription: 'right',
    });
    const [only] = await client.invoke(sink, 'getSourceConnections', { mediaType: 'AUDIO', description: 'right' });
    assert.deepEqual(only, connection(source, sink, 'AUDIO', { sourceDescription: 'left', sinkDescription: 'right' }));
    assert.deepEqual(await client.invoke(sink, 'getSourceConnections', { mediaType: 'AUDIO', description: 'other' }), []);
  });

  it('lose their connections when one of them is released', async () => {
    const { client, elements: [source, sink] } = await passThroughs(2);
    await client.invoke(source, 'connect', { sink });
    await client.result('release', { object: sink });
    assert.deepEqual(await client.invoke(source, 'getSinkConnections'), []);
  });

  it('do not transcode, and nothing flows where nobody sends', async () => {
    const { client, pipeline } = await passThroughs(0);
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    for (const mediaType of ['AUDIO', 'VIDEO']) {
      assert.equal(await client.invoke(endpoint, 'isMediaTranscoding', { mediaType }), false);
      assert.equal(await client.invoke(endpoint, 'isMediaFlowingIn', { mediaType }), false);
      assert.equal(await client.invoke(endpoint, 'isMediaFlowingOut', { mediaType, sourceMediaDescription: 'default' }), false);
    }
  });

  it('keep the settings they are given', async () => {
    const { client, pipeline } = await passThroughs(0);
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    for (const [property, value] of [
      ['EncoderBitrate', 400_000],
      ['MinEncoderBitrate', 100_000],
      ['MaxEncoderBitrate', 900_000],
      ['MaxAudioRecvBandwidth', 64],
      ['MaxVideoRecvBandwidth', 800],
      ['MinVideoRecvBandwidth', 50],
      ['MinVideoSendBandwidth', 120],
      ['MaxVideoSendBandwidth', 700],
      ['Mtu', 1100],
      ['StunServerAddress', '198.51.100.7'],
      ['StunServerPort', 3479],
      ['TurnUrl', 'user:secret@198.51.100.8:3478'],
      ['IceTcp', false],
      ['ExternalIPv4', '203.0.113.5'],
      ['Name', 'Ada'],
    ]) {
      const parameter = property[0].toLowerCase() + property.slice(1);
      assert.equal(await client.invoke(endpoint, `set${property}`, { [parameter]: value }), null, property);
      assert.equal(await client.invoke(endpoint, `get${property}`), value, property);
    }
    const remb = { rembOnConnect: 500_000, upLosses: 10 };
    await client.invoke(endpoint, 'setRembParams', { rembParams: remb });
    const kept = await client.invoke(endpoint, 'getRembParams');
    assert.equal(kept.__type__, 'RembParams');
    assert.equal(kept.rembOnConnect, 500_000);
    assert.equal(kept.upLosses, 10);
    for (const [operation, caps] of [
      ['setAudioFormat', { __module__: 'kurento', __type__: 'AudioCaps', codec: 'OPUS', bitrate: 32_000 }],
      ['setVideoFormat', { codec: 'VP8', framerate: { numerator: 15, denominator: 1 } }],
    ]) assert.equal(await client.invoke(endpoint, operation, { caps }), null);
  });

  it('draw their graph', async () => {
    const { client, pipeline, elements: [source, sink] } = await passThroughs(2);
    await client.invoke(source, 'connect', { sink });
    await client.invoke(pipeline, 'setLatencyStats', { latencyStats: true });
    assert.equal(await client.invoke(pipeline, 'getLatencyStats'), true);
    const dot = await client.invoke(pipeline, 'getGstreamerDot', { details: 'SHOW_ALL' });
    assert.match(dot, /^digraph[^{]*\{[\s\S]*->[\s\S]*\}\s*$/);
    assert.match(await client.invoke(source, 'getGstreamerDot'), /^digraph/);
    assert.equal(await client.invoke(pipeline, 'dumpGstreamerDot'), null);
  });
});

tell('Hubs', {}, (house) => {
  /** A client, a hub and so many ports of it. */
  async function hubWith(type, count) {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const hub = await client.create(type, { mediaPipeline: pipeline });
    const ports = [];
    for (let made = 0; made < count; made += 1) ports.push(await client.create('HubPort', { hub }));
    return { client, pipeline, hub, ports };
  }

  it('have ports that are elements', async () => {
    const { client, pipeline, ports: [port] } = await hubWith('Dispatcher', 1);
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    await client.invoke(endpoint, 'connect', { sink: port });
    await client.invoke(port, 'connect', { sink: endpoint });
    const [from] = await client.invoke(port, 'getSourceConnections', { mediaType: 'AUDIO' });
    const [to] = await client.invoke(port, 'getSinkConnections', { mediaType: 'AUDIO' });
    assert.deepEqual([from.source, to.sink], [endpoint, endpoint]);
  });

  it('Dispatcher sends one port to another', async () => {
    const { client, hub, ports: [source, sink] } = await hubWith('Dispatcher', 2);
    assert.equal(await client.invoke(hub, 'connect', { source, sink }), null);
    const { ports: [foreign] } = await hubWith('Dispatcher', 1);
    const operationParams = { source, sink: foreign };
    const error = await client.refusal('invoke', { object: hub, operation: 'connect', operationParams });
    assert.ok(error.code >= 40001, 'ports of another hub are no business of this one');
  });

  it('DispatcherOneToMany sends one port to all, and takes the object that kurento-client sends for it', async () => {
    const { client, hub, ports: [source] } = await hubWith('DispatcherOneToMany', 3);
    assert.equal(await client.invoke(hub, 'setSource', { source: { _events: {}, _eventsCount: 3, id: source } }), null);
    assert.equal(await client.invoke(hub, 'setSource', { source }), null);
    assert.equal(await client.invoke(hub, 'removeSource'), null);
  });

  it('Mixer sends one kind of media from one port to another', async () => {
    const { client, hub, ports: [source, sink] } = await hubWith('Mixer', 2);
    for (const media of ['AUDIO', 'VIDEO']) assert.equal(await client.invoke(hub, 'connect', { media, source, sink }), null);
    assert.equal(await client.invoke(hub, 'disconnect', { media: 'AUDIO', source, sink }), null);
    const error = await client.refusal('invoke', { object: hub, operation: 'connect', operationParams: { source, sink } });
    assert.equal(error.code, 40001, 'the kind of media is not optional here');
  });

  it('ignore the properties that kurento-client sends for a port', async () => {
    const { client, pipeline, hub } = await hubWith('Dispatcher', 0);
    const properties = { mediaPipeline: { _events: {}, _eventsCount: 7, id: pipeline } };
    const { value } = await client.result('create', { type: 'HubPort', constructorParams: { hub }, properties });
    assert.equal(await client.invoke(value, 'getParent'), hub);
  });
});
