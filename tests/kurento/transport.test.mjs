import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './house.mjs';

/** The longest message that is read, in bytes; up to four MiB are answered with an error. */
const MESSAGE_BYTES_MAX = 1_000_000;
const CLOSING_BYTES = 4 * 1024 * 1024;
const TOO_BIG = 1009;
const PROTOCOL_ERROR = 1002;
const NO_TEXT = 1007;

/** A request of exactly so many bytes. */
function sized(bytes, id) {
  const frame = (name) => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping', params: { name } });
  return frame('x'.repeat(bytes - frame('').length));
}

tell('A WebSocket', {}, (house) => {
  for (const compression of [false, true]) {
    it(`carries requests ${compression ? 'compressed, if the client offers it' : 'as they are'}`, async () => {
      const client = await house.raw({ compression });
      assert.equal(client.extensions.startsWith('permessage-deflate'), compression, client.extensions);
      const pipeline = await client.create('MediaPipeline');
      const name = 'a long name '.repeat(5_000);
      await client.invoke(pipeline, 'setName', { name });
      assert.equal(await client.invoke(pipeline, 'getName'), name);
    });

    it(`answers a message of a byte too many with an error, and goes on ${compression ? '(compressed)' : ''}`, async () => {
      const client = await house.raw({ compression });
      client.send(sized(MESSAGE_BYTES_MAX, 1));
      assert.equal((await client.answer(1)).result.value, 'pong');
      client.send(sized(MESSAGE_BYTES_MAX + 1, 2));
      const { error } = await client.seen('an error', (message) => message.error);
      assert.equal(error.code, -32600);
      assert.equal((await client.result('ping', {})).value, 'pong');
    });

    it(`is closed for a message of more than four MiB ${compression ? '(compressed: no bomb gets in)' : ''}`, async () => {
      const client = await house.raw({ compression });
      const witness = await house.raw();
      client.send(sized(CLOSING_BYTES + 1, 1));
      assert.equal((await client.closed()).code, TOO_BIG);
      assert.equal((await witness.result('ping', {})).value, 'pong');
    });
  }

  it('is as good with a query behind its path', async () => {
    const client = await house.raw({ url: `${house.keel.kurentoUrl}?access_token=whatever` });
    assert.equal((await client.result('ping', {})).value, 'pong');
  });

  it('at another path is opened and closed with a reason', async () => {
    const client = await house.raw({ url: house.keel.kurentoUrl.replace(/kurento$/, 'elsewhere') });
    assert.deepEqual(await client.closed(), { code: PROTOCOL_ERROR, reason: 'Invalid path' });
  });

  it('from a page of another origin is refused', async () => {
    const headers = { Origin: 'https://evil.example' };
    await assert.rejects(() => house.raw({ headers }), /Unexpected server response: 403/);
  });

  it('takes a request in several frames, and in a binary message, as kurento-client for Node sends all of them', async () => {
    const client = await house.raw();
    const text = (id) => JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' });
    client.sendPieces([text(9).slice(0, 7), text(9).slice(7, 20), text(9).slice(20)]);
    client.send(Buffer.from(text(10)));
    await client.answer(10);
    assert.deepEqual(client.messages.map(({ id }) => id), [9, 10]);
  });

  it('is closed for what is no text', async () => {
    const client = await house.raw();
    client.send(Buffer.from([0xff, 0xfe]));
    assert.equal((await client.closed()).code, NO_TEXT);
  });
});

tell('A server without compression', { flags: ['--kurento-compression', 'false'] }, (house) => {
  it('declines it, and the library goes on without', async () => {
    const client = await house.raw({ compression: true });
    assert.equal(client.extensions, '');
    assert.equal((await client.result('ping', {})).value, 'pong');
    const { client: library } = await house.application();
    const pipeline = await library.create('MediaPipeline');
    assert.equal(await pipeline.getName(), pipeline.id);
  });
});
