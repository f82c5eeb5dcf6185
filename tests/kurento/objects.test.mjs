import assert from 'node:assert/strict';
import { cpus } from 'node:os';
import { it } from 'node:test';
import { tell } from './house.mjs';

const MANAGER = 'manager_ServerManager';

tell('The server manager', {}, (house) => {
  it('names the modules that clients insist on, and in their factories what can be created', async () => {
    const client = await house.raw();
    const info = await client.invoke(MANAGER, 'getInfo');
    const { modules, ...rest } = info;
    assert.deepEqual(rest, {
      __module__: 'kurento', __type__: 'ServerInfo', version: rest.version, type: 'KMS', capabilities: ['transactions'],
    });
    assert.match(rest.version, /^7\.\d+\.\d+$/);
    assert.deepEqual(modules.map(({ name }) => name).sort(), ['core', 'elements', 'filters']);
    const pipeline = await client.create('MediaPipeline');
    const parents = { HubPort: { hub: await client.create('Dispatcher', { mediaPipeline: pipeline }) } };
    for (const { __module__, __type__, version, generationTime, factories } of modules) {
      assert.deepEqual([__module__, __type__], ['kurento', 'ModuleInfo']);
      assert.equal(version, rest.version);
      assert.equal(typeof generationTime, 'string');
      for (const factory of factories) await client.create(factory, parents[factory] ?? { mediaPipeline: pipeline });
    }
    const all = modules.flatMap(({ factories }) => factories);
    for (const needed of ['MediaPipeline', 'WebRtcEndpoint', 'PassThrough', 'HubPort', 'Dispatcher', 'DispatcherOneToMany', 'Mixer']) {
      assert.ok(all.includes(needed), needed);
    }
  });

  it('lists pipelines and sessions', async () => {
    const client = await house.raw();
    assert.deepEqual(await client.invoke(MANAGER, 'getPipelines'), []);
    const pipeline = await client.create('MediaPipeline');
    assert.deepEqual(await client.invoke(MANAGER, 'getPipelines'), [pipeline]);
    const sessions = await client.invoke(MANAGER, 'getSessions');
    assert.ok(sessions.includes(client.sessionId), JSON.stringify(sessions));
    assert.equal(await client.invoke(MANAGER, 'getMetadata'), '');
  });

  it('measures the machine', async () => {
    const client = await house.raw();
    assert.equal(await client.invoke(MANAGER, 'getCpuCount'), cpus().length);
    const memory = await client.invoke(MANAGER, 'getUsedMemory');
    assert.ok(Number.isInteger(memory) && memory > 1_000, `${memory} KiB`);
    const usedCpu = client.post('invoke', { object: MANAGER, operation: 'getUsedCpu', operationParams: { interval: 300 } });
    const other = await house.raw();
    assert.equal((await other.result('ping', {})).value, 'pong');
    const { result } = await client.answer(usedCpu);
    assert.equal(typeof result.value, 'number');
    assert.ok(result.value >= 0, `${result.value} %`);
  });

  it('describes each module as text that tools can read (getKmd)', async () => {
    const client = await house.raw();
    const declared = new Set();
    for (const moduleName of ['core', 'elements', 'filters']) {
      const kmd = JSON.parse(await client.invoke(MANAGER, 'getKmd', { moduleName }));
      assert.equal(kmd.name, moduleName);
      for (const { name } of kmd.remoteClasses) declared.add(name);
    }
    for (const name of ['MediaObject', 'MediaElement', 'MediaPipeline', 'WebRtcEndpoint', 'HubPort', 'Mixer']) {
      assert.ok(declared.has(name), name);
    }
  });

  it('tells of objects that come and go', async () => {
    const watcher = await house.raw();
    await watcher.result('subscribe', { object: MANAGER, type: 'ObjectCreated' });
    await watcher.result('subscribe', { object: MANAGER, type: 'ObjectDestroyed' });
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const element = await client.create('PassThrough', { mediaPipeline: pipeline });
    await client.result('release', { object: pipeline });
    const end = await watcher.seen('the end of the pipeline', ({ params }) => params?.value?.data.objectId === pipeline);
    const { type, object, data } = end.params.value;
    assert.equal(object, MANAGER);
    assert.equal(type, 'ObjectDestroyed');
    assert.match(data.timestampMillis, /^\d{13}$/);
    const told = watcher.events().map(({ type: kind, data: { object: created, objectId } }) => [kind, created ?? objectId]);
    assert.deepEqual(told.slice(0, 2), [['ObjectCreated', pipeline], ['ObjectCreated', element]]);
    const destroyed = told.slice(2).map(([kind, id]) => `${kind} ${id}`).sort();
    assert.deepEqual(destroyed, [`ObjectDestroyed ${pipeline}`, `ObjectDestroyed ${element}`].sort(), 'each once');
    assert.ok(watcher.events('ObjectCreated').every(({ data: fields }) => fields.type === undefined), 'as KMS: object, no type');
  });
});

tell('Every object', {}, (house) => {
  it('has an id that nests in that of its parent, and begins with its id as its name', async () => {
    const client = await house.raw();
    const started = Math.floor(Date.now() / 1000);
    const pipeline = await client.create('MediaPipeline');
    const hub = await client.create('Dispatcher', { mediaPipeline: pipeline });
    const port = await client.create('HubPort', { hub });
    const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
    assert.match(port, new RegExp(`^${uuid}_kurento\\.MediaPipeline/${uuid}_kurento\\.Dispatcher/${uuid}_kurento\\.HubPort$`));
    assert.ok(port.startsWith(`${hub}/`) && hub.startsWith(`${pipeline}/`));
    for (const [object, parent] of [[port, hub], [hub, pipeline]]) {
      assert.equal(await client.invoke(object, 'getId'), object);
      assert.equal(await client.invoke(object, 'getName'), object);
      assert.equal(await client.invoke(object, 'getParent'), parent);
      assert.equal(await client.invoke(object, 'getMediaPipeline'), pipeline);
      const created = await client.invoke(object, 'getCreationTime');
      assert.ok(created >= started && created <= Date.now() / 1000 + 1, `${created}`);
    }
    assert.deepEqual(await client.invoke(pipeline, 'getChildren'), [hub]);
    assert.deepEqual(await client.invoke(hub, 'getChildren'), [port]);
    assert.deepEqual(await client.invoke(hub, 'getChilds'), [port], 'its name in 6.x');
  });

  it('carries tags, and sends them along in events if asked to', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const [source, sink] = [
      await client.create('PassThrough', { mediaPipeline: pipeline }),
      await client.create('PassThrough', { mediaPipeline: pipeline }),
    ];
    await client.invoke(source, 'addTag', { key: 'user', value: 'Ada' });
    await client.invoke(source, 'addTag', { key: 'user', value: 'Ben' });
    assert.equal(await client.invoke(source, 'getTag', { key: 'user' }), 'Ben');
    const tag = { __module__: 'kurento', __type__: 'Tag', key: 'user', value: 'Ben' };
    assert.deepEqual(await client.invoke(source, 'getTags'), [tag]);

    await client.result('subscribe', { object: source, type: 'ElementConnected' });
    await client.invoke(source, 'connect', { sink, mediaType: 'AUDIO' });
    assert.deepEqual((await client.event('ElementConnected', source)).data.tags, []);
    assert.equal(await client.invoke(source, 'getSendTagsInEvents'), false);
    await client.invoke(source, 'setSendTagsInEvents', { sendTagsInEvents: true });
    await client.invoke(source, 'connect', { sink, mediaType: 'VIDEO' });
    const tagged = await client.seen('an event with tags', ({ params }) => params?.value?.data.mediaType === 'VIDEO');
    assert.deepEqual(tagged.params.value.data.tags, [tag]);
  });

  it('ends with its parent, for all who knew it', async () => {
    const maker = await house.raw();
    const guest = await house.raw();
    const pipeline = await maker.create('MediaPipeline');
    const hub = await maker.create('Mixer', { mediaPipeline: pipeline });
    const port = await maker.create('HubPort', { hub });
    const endpoint = await guest.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    await maker.result('release', { object: hub });
    assert.equal((await guest.refusal('describe', { object: port })).code, 40101);
    await guest.result('describe', { object: endpoint });
    await guest.result('release', { object: pipeline });
    for (const object of [pipeline, endpoint]) {
      assert.equal((await maker.refusal('describe', { object })).code, 40101);
    }
  });

  it('that is refused leaves nothing behind', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const uri = 'file:///tmp/a.webm';
    for (const [type, parameters] of [
      ['FaceOverlayFilter', {}],
      ['ImageOverlayFilter', {}],
      ['ZBarFilter', {}],
      ['GStreamerFilter', { command: 'videoflip method=4' }],
      ['Composite', {}],
      ['AlphaBlending', {}],
      ['PlayerEndpoint', { uri }],
      ['RecorderEndpoint', { uri }],
      ['RtpEndpoint', {}],
      ['HttpPostEndpoint', {}],
    ]) {
      const error = await client.refusal('create', { type, constructorParams: { mediaPipeline: pipeline, ...parameters } });
      assert.deepEqual(error, { code: 40108, message: `Factory '${type}' not found`, data: { type: 'MEDIA_OBJECT_NOT_AVAILABLE' } });
    }
    assert.deepEqual(await client.invoke(pipeline, 'getChildren'), []);
  });
});

tell('Filters that carry media through', { flags: ['--kurento-filters', 'passthrough'] }, (house) => {
  it('exist for applications that can do without their effect', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    const filter = await client.create('FaceOverlayFilter', { mediaPipeline: pipeline });
    await client.invoke(filter, 'setOverlayedImage', {
      uri: 'http://127.0.0.1/hat.png', offsetXPercent: -0.35, offsetYPercent: -1.2, widthPercent: 1.6, heightPercent: 1.6,
    });
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    await client.invoke(endpoint, 'connect', { sink: filter });
    await client.invoke(filter, 'connect', { sink: endpoint });
    const [connection] = await client.invoke(endpoint, 'getSourceConnections', { mediaType: 'VIDEO' });
    assert.equal(connection.source, filter);
  });
});
