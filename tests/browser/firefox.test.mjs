import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { runInOwnNetwork } from './own-network.mjs';

// The server and both browsers have to be in the namespace, and so has whoever drives the browsers.
it('Chromium and Firefox call each other (the stories of firefox.story.mjs, in a network namespace)', async () => {
  // Otherwise the inner runner would report to this one in a format of its own.
  const { NODE_TEST_CONTEXT, ...environment } = process.env;
  const story = join(import.meta.dirname, 'firefox.story.mjs');
  const code = await runInOwnNetwork([process.execPath, '--test', '--test-reporter=spec', story], environment);
  assert.equal(code, 0, 'the stories failed, or no namespace could be made: the lines above say which');
});
