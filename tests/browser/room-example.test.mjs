import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { BINARY } from '../shared/keel.mjs';
import { Guest } from './guest.mjs';
import { tell } from './stage.mjs';

const EXAMPLE = join(dirname(BINARY), 'examples', 'room');
const ROOM = 'gallery';

tell('The example of a room', { person: Guest, seating: { room: ROOM } }, (stage) => {
  it('shows its test pattern in a browser', async () => {
    if (!existsSync(EXAMPLE)) throw new Error(`${EXAMPLE} is missing: build it with cargo build --workspace --examples`);
    const flags = ['--server', stage.keel.url.replace(/\/$/, ''), '--room', ROOM, '--seconds', '600'];
    const example = spawn(EXAMPLE, flags, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(example, 'exit');
    try {
      const ada = await stage.seat('Ada');
      await ada.seesPictureOf({ name: 'Test pattern' });
    } finally {
      example.kill('SIGINT');
      await ended;
    }
  });
});
