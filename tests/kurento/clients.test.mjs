import assert from 'node:assert/strict';
import { it } from 'node:test';
import { failure, library, VERSIONS } from './clients.mjs';
import { tell } from './house.mjs';
import { chromiumOffer, mediaLines } from './offers.mjs';
import { until } from '../shared/waiting.mjs';

/** What 6.x called these events; its applications know no other names. */
const CANDIDATE_FOUND = { '7.3': 'IceCandidateFound', '7.2': 'IceCandidateFound', 6.18: 'OnIceCandidate' };
const GATHERING_DONE = { '7.3': 'IceGatheringDone', '7.2': 'IceGatheringDone', 6.18: 'OnIceGatheringDone' };

for (const version of VERSIONS) {
  tell(`The unmodified kurento-client ${version}`, {}, (house) => {
    it('is the version it says', () => {
      const versions = new Set(Object.values(library(version).packages));
      assert.deepEqual([...versions], [`${version}.0`], 'none of its parts comes from another version');
    });

    it('negotiates a call: offer, candidates, connection, end', async () => {
      const { client } = await house.application({ version });
      const pipeline = await client.create('MediaPipeline');
      const caller = await pipeline.create('WebRtcEndpoint');
      const callee = await pipeline.create('WebRtcEndpoint', { recvonly: true });
      assert.ok(caller.id.startsWith(`${pipeline.id}/`) && caller.id.endsWith('_kurento.WebRtcEndpoint'), caller.id);

      const found = [];
      caller.on(CANDIDATE_FOUND[version], (event) => found.push(event));
      const done = new Promise((resolve) => caller.once(GATHERING_DONE[version], resolve));
      await caller.connect(callee);
      const answer = await caller.processOffer(chromiumOffer());
      assert.deepEqual(mediaLines(answer).map(({ kind, port }) => [kind, port > 0]), [['audio', true], ['video', true]]);
      assert.doesNotMatch(answer, /a=candidate/, 'candidates come by events only');
      await caller.gatherCandidates();
      const end = await done;
      assert.equal(end.type, GATHERING_DONE[version], 'the event calls itself as it was subscribed');
      assert.equal(end.source, caller.id);

      assert.ok(found.length > 0, 'candidates came before the end of gathering');
      for (const { type, source, candidate } of found) {
        assert.equal(type, CANDIDATE_FOUND[version]);
        assert.equal(source, caller.id);
        assert.match(candidate.candidate, /^candidate:\S+ 1 (udp|tcp) \d+ \S+ \d+ typ host/i);
        assert.equal(candidate.sdpMid, '0');
        assert.equal(candidate.sdpMLineIndex, 0);
        // As applications hand the browser's candidates over.
        const { KurentoClient } = library(version);
        await caller.addIceCandidate(KurentoClient.getComplexType('IceCandidate')(candidate));
      }

      await pipeline.release();
      const error = await failure((told) => caller.getLocalSessionDescriptor(told));
      assert.ok(error instanceof ReferenceError);
      assert.equal(error.code, 40101);
      assert.deepEqual(error.data, { type: 'MEDIA_OBJECT_NOT_FOUND' });
    });

    it('keeps names, tags and children', async () => {
      const { client } = await house.application({ version });
      const pipeline = await client.create('MediaPipeline');
      const endpoint = await pipeline.create('WebRtcEndpoint');
      assert.equal(await endpoint.getName(), endpoint.id, 'the name is the id until it is given one');
      await endpoint.setName('Ada');
      assert.equal(await endpoint.getName(), 'Ada');
      await endpoint.addTag('room', '7');
      assert.equal(await endpoint.getTag('room'), '7');
      const tags = await endpoint.getTags();
      assert.deepEqual(tags.map(({ key, value }) => [key, value]), [['room', '7']]);
      await endpoint.removeTag('room');
      assert.deepEqual(await endpoint.getTags(), []);
      const children = await (version === '6.18' ? pipeline.getChilds() : pipeline.getChildren());
      assert.deepEqual(children.map(({ id }) => id), [endpoint.id]);
      assert.equal((await endpoint.getParent()).id, pipeline.id);
      assert.equal((await endpoint.getMediaPipeline()).id, pipeline.id);
    });

    it('finds objects of others by their ids, and shares them', async () => {
      const first = await house.application({ version });
      const second = await house.application({ version });
      const pipeline = await first.client.create('MediaPipeline');
      const shared = await second.client.getMediaobjectById(pipeline.id);
      assert.equal(shared.constructor.name, 'MediaPipeline');
      const theirs = await shared.create('WebRtcEndpoint');
      const ours = await pipeline.create('WebRtcEndpoint');
      await ours.connect(await first.client.getMediaobjectById(theirs.id));
      const [connection] = await theirs.getSourceConnections();
      assert.equal(connection.source, ours.id);
      await assert.rejects(async () => first.client.getMediaobjectById(`${pipeline.id}/nobody`), { code: 40101 });
    });

    it('sends many requests without waiting, and each gets its own answer', async () => {
      const { client } = await house.application({ version });
      const pipeline = client.create('MediaPipeline');
      const endpoints = Array.from({ length: 8 }, () => pipeline.create('WebRtcEndpoint'));
      const named = endpoints.map((endpoint, place) => endpoint.setName(`seat ${place}`));
      await Promise.all(named);
      const names = await Promise.all(endpoints.map((endpoint) => endpoint.getName()));
      assert.deepEqual(names, endpoints.map((_, place) => `seat ${place}`));
    });

    it('batches what waits when asked to (useImplicitTransactions)', async () => {
      const { client } = await house.application({ version, useImplicitTransactions: true });
      const pipeline = await client.create('MediaPipeline');
      const endpoint = await pipeline.create('WebRtcEndpoint');
      endpoint.setName('batched');
      endpoint.addTag('a', '1');
      const [name, tags] = await Promise.all([endpoint.getName(), endpoint.getTags()]);
      assert.equal(name, 'batched');
      assert.deepEqual(tags.map(({ key, value }) => [key, value]), [['a', '1']]);
    });

    it('creates, sets and releases in one explicit transaction', async () => {
      const { client } = await house.application({ version });
      const transaction = client.beginTransaction();
      const pipeline = client.create(transaction, 'MediaPipeline');
      const [kept, gone] = [1, 2].map(() => pipeline.create(transaction, 'WebRtcEndpoint'));
      const named = new Promise((told) => kept.setName(transaction, 'kept', told));
      gone.release(transaction);
      await transaction.commit();
      assert.ifError(await named);
      const { id } = await kept;
      assert.equal(await (await kept).getName(), 'kept');
      const parent = await pipeline;
      const children = await (version === '6.18' ? parent.getChilds() : parent.getChildren());
      assert.deepEqual(children.map((child) => child.id), [id]);
    });

    it('is told plainly that filters do not exist', async () => {
      const { client } = await house.application({ version });
      const pipeline = await client.create('MediaPipeline');
      await assert.rejects(async () => pipeline.create('FaceOverlayFilter'), {
        code: 40108,
        message: /Factory 'FaceOverlayFilter' not found/,
        data: { type: 'MEDIA_OBJECT_NOT_AVAILABLE' },
      });
    });

    it('accepts what the server says of itself', async () => {
      const { client } = await house.application({ version });
      const manager = await client.getServerManager();
      assert.equal(manager.id, 'manager_ServerManager');
      const info = await manager.getInfo();
      assert.equal(info.type, 'KMS');
      assert.deepEqual(info.modules.map(({ name }) => name).sort(), ['core', 'elements', 'filters']);
      const pipeline = await client.create('MediaPipeline');
      const pipelines = await manager.getPipelines();
      assert.deepEqual(pipelines.map(({ id }) => id ?? id), [pipeline.id]);
    });

    it('hears an event that another client causes', async () => {
      const listening = await house.application({ version });
      const acting = await house.application({ version });
      const manager = await listening.client.getServerManager();
      const created = [];
      manager.on('ObjectCreated', (event) => created.push(event.object));
      await manager.getMetadata(); // answered after the subscription
      const pipeline = await acting.client.create('MediaPipeline');
      await until('the news of it', () => created.includes(pipeline.id));
    });
  });
}

tell('Applications for Kurento 6', {}, (house) => {
  it('find the operations that Kurento 7 renamed', async () => {
    const { client } = await house.application({ version: '6.18' });
    const pipeline = await client.create('MediaPipeline');
    const endpoint = await pipeline.create('WebRtcEndpoint');
    await endpoint.setMaxOutputBitrate(200_000);
    assert.equal(await endpoint.getMaxOutputBitrate(), 200_000);
    await endpoint.setMinOutputBitrate(50_000);
    assert.equal(await endpoint.getMinOutputBitrate(), 50_000);
    await endpoint.setOutputBitrate(100_000);
  });

  it('may subscribe to the old and the new name of an event at once', async () => {
    const { client } = await house.application({ version: '6.18' });
    const pipeline = await client.create('MediaPipeline');
    const endpoint = await pipeline.create('WebRtcEndpoint');
    const heard = [];
    for (const name of ['OnIceGatheringDone', 'IceGatheringDone']) {
      endpoint.on(name, ({ type, timestamp, timestampMillis }) => heard.push({ name, type, timestamp, timestampMillis }));
    }
    await endpoint.processOffer(chromiumOffer());
    await endpoint.gatherCandidates();
    await until('both', () => heard.length === 2);
    assert.deepEqual(heard.map(({ type }) => type).sort(), ['IceGatheringDone', 'OnIceGatheringDone']);
    for (const { name, type, timestamp, timestampMillis } of heard) {
      assert.equal(type, name);
      if (name === 'OnIceGatheringDone') assert.match(timestamp, /^\d{10}$/, 'seconds, as 6.x has them');
      assert.match(timestampMillis, /^\d{13}$/);
    }
  });
});
