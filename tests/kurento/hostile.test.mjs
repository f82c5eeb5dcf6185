import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './house.mjs';

const MANAGER = 'manager_ServerManager';

/** Values of every JSON type, and what only looks like one. */
const ODDITIES = [null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', 'text', '\u0000', 'newref:0', [], [1], {}, { id: 7 }, { a: { b: [] } }];

// What a client that broke off still had in flight may come after its session was closed: collected soon.
tell('Hostile clients', { flags: ['--kurento-garbage-collection-s', '1'] }, (house) => {
  /** Creates one object of every class that can be created. @returns {Promise<Map<string, string>>} ids by class */
  async function oneOfEach(client) {
    const pipeline = await client.create('MediaPipeline');
    const objects = new Map([['MediaPipeline', pipeline], ['ServerManager', MANAGER]]);
    for (const type of ['WebRtcEndpoint', 'PassThrough', 'Dispatcher', 'DispatcherOneToMany', 'Mixer']) {
      objects.set(type, await client.create(type, { mediaPipeline: pipeline }));
    }
    objects.set('HubPort', await client.create('HubPort', { hub: objects.get('Mixer') }));
    return objects;
  }

  /** The classes of the object model as the server describes them itself. */
  async function declaredClasses(client) {
    const classes = new Map();
    for (const moduleName of ['core', 'elements', 'filters']) {
      const { remoteClasses } = JSON.parse(await client.invoke(MANAGER, 'getKmd', { moduleName }));
      for (const declared of remoteClasses) classes.set(declared.name, declared);
    }
    return classes;
  }

  /** Every operation of a class and of those it extends, with its parameters. */
  function operationsOf(classes, name) {
    const { methods = [], properties = [], extends: parent } = classes.get(name.replace(/^kurento\./, ''));
    const capital = (word) => word[0].toUpperCase() + word.slice(1);
    const getters = properties.map((property) => ({ name: `get${capital(property.name)}`, params: [] }));
    const setters = properties
      .filter(({ readOnly, final }) => !readOnly && !final)
      .map((property) => ({ name: `set${capital(property.name)}`, params: [property] }));
    return [...methods, ...getters, ...setters, ...(parent ? operationsOf(classes, parent) : [])];
  }

  it('that give every parameter of every operation a wrong value get an error or an answer, and break nothing', async () => {
    const client = await house.raw();
    const witness = await house.raw();
    const kept = await witness.create('MediaPipeline');
    const classes = await declaredClasses(client);
    const objects = await oneOfEach(client);
    const codes = new Map();
    let last = null;
    for (const [type, object] of objects) {
      for (const { name, params = [] } of operationsOf(classes, type)) {
        // It measures for as long as it is told to.
        if (name === 'getUsedCpu') continue;
        for (const { name: parameter } of params) {
          for (const oddity of ODDITIES) {
            last = client.post('invoke', { object, operation: name, operationParams: { [parameter]: oddity } });
          }
        }
        last = client.post('invoke', { object, operation: name });
        last = client.post('invoke', { object, operation: name, operationParams: {} });
      }
    }
    await client.answer(last);
    for (const { method, error, result } of client.messages) {
      if (method === 'onEvent') continue;
      assert.ok(error !== undefined || result !== undefined);
      if (error) codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
    }
    assert.ok(client.messages.length > 1_000, `${client.messages.length} answers`);
    assert.ok(codes.get(40001) > 100, JSON.stringify([...codes]));
    for (const code of codes.keys()) {
      assert.ok((code >= 40001 && code < 41000 && code !== 40003) || code === -32000, `nothing answers with ${code}`);
    }
    assert.equal(await witness.invoke(kept, 'getName'), kept);
  });

  it('that construct objects from nonsense get 40001 or 40101, and leave nothing', async () => {
    const client = await house.raw();
    const classes = await declaredClasses(client);
    const pipeline = await client.create('MediaPipeline');
    for (const [type, { constructor: declared }] of classes) {
      if (type === 'MediaPipeline' || !declared) continue;
      for (const { name } of declared.params ?? []) {
        for (const oddity of ODDITIES) {
          const constructorParams = { mediaPipeline: pipeline, hub: pipeline, [name]: oddity };
          const { result, error } = await client.call('create', { type, constructorParams });
          if (result) await client.result('release', { object: result.value });
          else expectOneOf([40001, 40101, 40107, 40108, 40109], error, [type, name, oddity]);
        }
      }
    }
    assert.deepEqual(await client.invoke(pipeline, 'getChildren'), []);
  });

  it('that send parts of the protocol as other types get -32000 or -32602', async () => {
    const client = await house.raw();
    const pipeline = await client.create('MediaPipeline');
    for (const [method, good] of [
      ['create', { type: 'MediaPipeline' }],
      ['invoke', { object: pipeline, operation: 'getName' }],
      ['describe', { object: pipeline }],
      ['subscribe', { object: pipeline, type: 'Error' }],
      ['release', { object: 'nothing' }],
      ['transaction', { operations: [] }],
    ]) {
      for (const field of Object.keys(good)) {
        for (const oddity of [null, 7, true, [7], {}]) {
          if (field === 'operations' && Array.isArray(oddity)) continue;
          const { error } = await client.call(method, { ...good, [field]: oddity });
          expectOneOf([-32000, -32602, 40101, 40008], error, [method, field, oddity]);
        }
      }
      for (const params of [7, 'text', [], null]) {
        client.send(JSON.stringify({ jsonrpc: '2.0', id: `${method} ${params}`, method, params }));
        const { error } = await client.answer(`${method} ${params}`);
        assert.ok(error, `${method} with ${JSON.stringify(params)}`);
      }
    }
    for (const sessionId of [7, null, [], {}, 'x'.repeat(100_000)]) {
      const answer = await client.call('describe', { object: MANAGER, sessionId });
      assert.ok(answer.error || answer.result.sessionId, 'answered');
    }
    assert.equal(await client.invoke(pipeline, 'getName'), pipeline);
  });

  it('that nest deeply or write long get an error', async () => {
    const client = await house.raw();
    const deep = (levels) => '['.repeat(levels) + ']'.repeat(levels);
    client.send(deep(400_000));
    const { error } = await client.seen('an error', (message) => message.error);
    assert.equal(error.code, -32700);
    client.send(`{"jsonrpc":"2.0","id":1000,"method":"describe","params":{"object":"${MANAGER}","deep":${deep(50_000)}}}`);
    await client.result('ping', {});
    const long = 'x'.repeat(900_000);
    assert.equal((await client.refusal('describe', { object: long })).code, 40101);
    assert.equal((await client.refusal('create', { type: long })).code, 40108);
    assert.equal((await client.refusal(long, {})).code, -32601);
    assert.equal((await client.refusal('connect', { sessionId: long })).code, 40007);
    assert.equal((await client.result('ping', {})).value, 'pong');
  });

  it('that use what they have released are told so each time', async () => {
    const client = await house.raw();
    const classes = await declaredClasses(client);
    const objects = await oneOfEach(client);
    await client.result('release', { object: objects.get('MediaPipeline') });
    for (const [type, object] of objects) {
      if (object === MANAGER) continue;
      for (const { name } of operationsOf(classes, type)) {
        assert.equal((await client.refusal('invoke', { object, operation: name, operationParams: {} })).code, 40101, name);
      }
    }
  });

  it('that guess ids find nothing, and cannot end what they do not know', async () => {
    const owner = await house.raw();
    const pipeline = await owner.create('MediaPipeline');
    const guesser = await house.raw();
    const [uuid] = pipeline.split('_');
    const near = [uuid, `${uuid}_kurento.WebRtcEndpoint`, `${pipeline}/`, `${pipeline}/x`, `/${pipeline}`, pipeline.toUpperCase()];
    for (const object of [...near, '', '/', '_', 'manager']) {
      assert.equal((await guesser.refusal('describe', { object })).code, 40101, object);
      await guesser.result('release', { object });
    }
    assert.equal(await owner.invoke(pipeline, 'getName'), pipeline);
  });

  it('that flood hold up themselves only', async () => {
    const flood = await house.raw();
    const pipeline = await flood.create('MediaPipeline');
    let last = null;
    for (let sent = 0; sent < 5_000; sent += 1) last = flood.post('invoke', { object: pipeline, operation: 'getName' });
    const other = await house.raw();
    assert.equal((await other.result('ping', {})).value, 'pong');
    const own = await other.create('MediaPipeline');
    assert.equal(await other.invoke(own, 'getName'), own);
    assert.equal((await flood.answer(last)).result.value, pipeline);
    assert.equal(flood.messages.length, 5_001, 'each was answered once');
  });

  it('that break off in the middle of it leave the server as it was', async () => {
    for (let round = 0; round < 10; round += 1) {
      const client = await house.raw();
      const pipeline = await client.create('MediaPipeline');
      const constructorParams = { mediaPipeline: pipeline };
      for (let sent = 0; sent < 20; sent += 1) client.post('create', { type: 'WebRtcEndpoint', constructorParams });
      await client.vanish();
    }
    const witness = await house.raw();
    assert.equal((await witness.result('ping', {})).value, 'pong');
  });
});

function expectOneOf(codes, error, what) {
  assert.ok(codes.includes(error?.code), `${JSON.stringify(what)}: ${JSON.stringify(error)}`);
}
