import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './house.mjs';
import { chromiumOffer, firefoxOffer, LEGACY_OFFER, mediaLines } from './offers.mjs';

tell('Negotiation', {}, (house) => {
  /** A client and an endpoint. */
  async function endpointWith(options = {}) {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline, ...options });
    return { client, pipeline, endpoint };
  }

  const directionOf = ({ text }) => /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(text)?.[1];

  for (const [kind, offer, direction] of [
    ['sendrecv of Chromium', chromiumOffer('sendrecv'), 'sendrecv'],
    ['sendonly of Chromium', chromiumOffer('sendonly'), 'recvonly'],
    ['recvonly of Chromium', chromiumOffer('recvonly'), 'sendonly'],
    ['sendrecv of Firefox', firefoxOffer(), 'sendrecv'],
  ]) {
    it(`answers ${kind} with one audio and one video line, in the offer's order, and no candidates`, async () => {
      const { client, endpoint } = await endpointWith();
      const answer = await client.invoke(endpoint, 'processOffer', { offer });
      const lines = mediaLines(answer);
      assert.deepEqual(lines.map(({ kind: media }) => media), mediaLines(offer).map(({ kind: media }) => media));
      for (const line of lines.filter(({ kind: media }) => media !== 'application')) {
        assert.ok(line.port > 0);
        assert.equal(directionOf(line), direction);
        assert.match(line.text, /^a=rtcp-mux/m);
        assert.match(line.text, /^a=mid:/m);
        assert.match(line.text, /^a=setup:passive/m);
      }
      assert.match(answer, /^a=group:BUNDLE /m);
      assert.doesNotMatch(answer, /^a=candidate/m);
      // kurento-utils plays the first stream only: two different ones would leave the page without a picture.
      const streams = new Set([...answer.matchAll(/^a=(?:ssrc:\d+ )?msid:(\S+)/gm)].map((match) => match[1]));
      assert.ok(streams.size <= 1 && !streams.has('-'), [...streams].join(' '));
      assert.equal(await client.invoke(endpoint, 'getLocalSessionDescriptor'), answer);
      assert.match(await client.invoke(endpoint, 'getRemoteSessionDescriptor'), /^v=0\r?\n/);
    });
  }

  it('takes data channels only where the endpoint was made for them', async () => {
    const offer = chromiumOffer('datachannel');
    for (const useDataChannels of [true, false]) {
      const { client, endpoint } = await endpointWith({ useDataChannels });
      const lines = mediaLines(await client.invoke(endpoint, 'processOffer', { offer }));
      assert.deepEqual(lines.map(({ kind }) => kind), ['audio', 'video', 'application']);
      assert.equal(lines[2].port > 0, useDataChannels);
    }
  });

  it('answers the bare RTP/AVP offer of old devices', async () => {
    const { client, endpoint } = await endpointWith();
    const [line] = mediaLines(await client.invoke(endpoint, 'processOffer', { offer: LEGACY_OFFER }));
    assert.equal(line.kind, 'video');
  });

  it('offers, in the direction that the endpoint was made for', async () => {
    for (const [options, direction] of [[{}, 'sendrecv'], [{ recvonly: true }, 'recvonly'], [{ sendonly: true }, 'sendonly']]) {
      const { client, endpoint } = await endpointWith(options);
      const lines = mediaLines(await client.invoke(endpoint, 'generateOffer', {}));
      assert.deepEqual(lines.map((line) => [line.kind, directionOf(line)]), [['audio', direction], ['video', direction]]);
    }
    const { client, endpoint } = await endpointWith({ useDataChannels: true });
    const lines = mediaLines(await client.invoke(endpoint, 'generateOffer'));
    assert.deepEqual(lines.map(({ kind }) => kind), ['audio', 'video', 'application']);
  });

  it('tells of itself in order: gathering, candidates, done; negotiated', async () => {
    const { client, endpoint } = await endpointWith();
    const told = [
      'IceComponentStateChanged', 'IceCandidateFound', 'IceGatheringDone', 'MediaSessionStarted', 'Error', 'NewCandidatePairSelected',
      'DtlsConnectionStateChange', 'MediaFlowInStateChanged', 'MediaFlowOutStateChanged', 'ConnectionStateChanged', 'MediaStateChanged',
      'MediaTranscodingStateChanged', 'MediaSessionTerminated', 'DataChannelOpened', 'DataChannelClosed',
    ];
    for (const type of told) await client.result('subscribe', { object: endpoint, type });
    await client.invoke(endpoint, 'processOffer', { offer: chromiumOffer() });
    assert.deepEqual(client.events('IceCandidateFound'), [], 'no candidates before gatherCandidates');
    await client.invoke(endpoint, 'gatherCandidates');
    await client.event('IceGatheringDone', endpoint);
    await client.event('MediaSessionStarted', endpoint);
    const [gathering] = client.events('IceComponentStateChanged');
    const { streamId, componentId, state, source, tags, type } = gathering.data;
    assert.deepEqual({ streamId: typeof streamId, componentId, state, source, tags, type }, {
      streamId: 'number', componentId: 1, state: 'GATHERING', source: endpoint, tags: [], type: 'IceComponentStateChanged',
    });
    const order = client.events().map((event) => event.type);
    assert.ok(order.indexOf('IceComponentStateChanged') < order.indexOf('IceCandidateFound'), order.join(' '));
    assert.ok(order.lastIndexOf('IceCandidateFound') < order.indexOf('IceGatheringDone'), order.join(' '));
    assert.deepEqual(client.events('Error'), []);
  });

  it('takes candidates at any time, also empty ones and names', async () => {
    const { client, endpoint } = await endpointWith();
    const candidate = (text) => ({ candidate: { candidate: text, sdpMid: '0', sdpMLineIndex: 0 } });
    const host = candidate('candidate:1 1 udp 2113937151 127.0.0.1 40001 typ host');
    assert.equal(await client.invoke(endpoint, 'addIceCandidate', host), null, 'before the offer');
    await client.invoke(endpoint, 'processOffer', { offer: chromiumOffer() });
    for (const text of ['', 'candidate:1 1 udp 2113937151 6d2c8e5e-0b06-4b0b-8a0e-1d5f1d0a1c11.local 40001 typ host generation 0']) {
      assert.equal(await client.invoke(endpoint, 'addIceCandidate', candidate(text)), null);
    }
  });

  it('has states that can be asked for', async () => {
    const { client, endpoint } = await endpointWith();
    assert.equal(await client.invoke(endpoint, 'getMediaState'), 'DISCONNECTED');
    assert.equal(await client.invoke(endpoint, 'getConnectionState'), 'DISCONNECTED');
    await client.invoke(endpoint, 'processOffer', { offer: chromiumOffer() });
    await client.invoke(endpoint, 'gatherCandidates');
    assert.deepEqual(await client.invoke(endpoint, 'getICECandidatePairs'), []);
    const [connection] = await client.invoke(endpoint, 'getIceConnectionState');
    assert.equal(connection.__type__, 'IceConnection');
    assert.ok(['GATHERING', 'CONNECTING'].includes(connection.state), connection.state);
    assert.deepEqual(await client.invoke(endpoint, 'getDtlsConnectionState'), [], 'nothing is known of it yet');
  });

  it('has statistics under the endpoint\'s id before any media', async () => {
    const { client, endpoint } = await endpointWith();
    await client.invoke(endpoint, 'processOffer', { offer: chromiumOffer() });
    const stats = await client.invoke(endpoint, 'getStats', {});
    const { timestampMillis, type, __type__, id } = stats[endpoint];
    assert.equal(typeof timestampMillis, 'number');
    assert.deepEqual({ type, __type__, id }, { type: 'endpoint', __type__: 'EndpointStats', id: endpoint });
    for (const [key, entry] of Object.entries(stats)) assert.equal(entry.id, key);
  });
});
