import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('aiortc/', import.meta.url));
const ENVIRONMENT = process.env.KEEL_AIORTC ?? `${FOLDER}.venv`;

/**
 * Starts `aiortc/livestream.py`, with an environment of its own that is made the first time.
 *
 * @param {'play' | 'publish'} what
 * @param {URL} url of the stream
 */
export async function independent(what, url) {
  const python = `${ENVIRONMENT}/bin/python`;
  if (!existsSync(python)) {
    execFileSync('python3', ['-m', 'venv', ENVIRONMENT]);
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--requirement', `${FOLDER}requirements.txt`]);
  }
  const child = spawn(python, [`${FOLDER}livestream.py`, what, url.href], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    /** What it says next. @throws {Error} when it ends instead */
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`aiortc ended with ${(await ended)[0]}`);
      return JSON.parse(value);
    },
    /** Has it end, and waits for that. @throws {Error} when it fails */
    async end() {
      child.stdin.end();
      const [code] = await ended;
      if (code !== 0) throw new Error(`aiortc ended with ${code}`);
    },
  };
}
