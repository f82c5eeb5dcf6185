import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { Cable } from './cable.mjs';
import { failure, VERSIONS } from './clients.mjs';
import { tell } from './house.mjs';

tell('An application whose connection breaks', {}, (house) => {
  let cable = null;
  afterEach(() => cable.cut());

  for (const version of VERSIONS) {
    it(`keeps its objects and its subscriptions (kurento-client ${version})`, async () => {
      cable = await Cable.to(house.keel.kurentoUrl);
      const returns = [];
      const reconnected = (sameSession) => returns.push(sameSession);
      const { client } = await house.application({ version, url: cable.url, reconnected });
      const pipeline = await client.create('MediaPipeline');
      const manager = await client.getServerManager();
      const created = [];
      manager.on('ObjectCreated', (event) => created.push(event.object));
      await manager.getMetadata(); // answered after the subscription

      await cable.cut();
      await cable.mend();
      await until('the application to be back', () => returns.length > 0);
      assert.deepEqual(returns, [true], 'in the same session');
      assert.equal(cable.carried, 2);
      assert.equal(await pipeline.getName(), pipeline.id);
      const other = await house.raw();
      const news = await other.create('MediaPipeline');
      await until('the event on the new connection', () => created.includes(news));
    });

    it(`learns that its objects are gone when the server is a new one (kurento-client ${version})`, async () => {
      cable = await Cable.to(house.keel.kurentoUrl);
      const returns = [];
      const { client } = await house.application({ version, url: cable.url, reconnected: (same) => returns.push(same) });
      const pipeline = await client.create('MediaPipeline');
      await cable.cut();
      await house.keel.restart();
      await cable.mend();
      await until('the application to be back', () => returns.length > 0);
      assert.deepEqual(returns, [false]);
      const error = await failure((told) => pipeline.getLatencyStats(told));
      assert.ok(error instanceof ReferenceError);
      assert.equal(error.code, 40101);
      const fresh = await client.create('MediaPipeline');
      assert.equal(await fresh.getName(), fresh.id, 'under the session id that it had, as the library goes on sending it');
    });
  }

  it('finds an answer that it never got in its objects', async () => {
    cable = await Cable.to(house.keel.kurentoUrl);
    const client = await house.raw({ url: cable.url });
    const pipeline = await client.create('MediaPipeline');
    client.post('invoke', { object: pipeline, operation: 'setName', operationParams: { name: 'kept' } });
    await client.result('ping', {});
    await cable.cut();
    await client.closed();
    await cable.mend();
    const again = await house.raw({ url: cable.url });
    await again.result('connect', { sessionId: client.sessionId });
    assert.equal(await again.invoke(pipeline, 'getName'), 'kept');
  });
});
