import browserify from 'browserify';
import { mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
/** One for all files of stories; a newer version has another. */
const BUNDLE = join(tmpdir(), `keel-kurento-utils-${require('kurento-utils/package.json').version}.js`);

let bundle;

/**
 * kurento-utils as a script for browsers, which leaves `kurentoUtils` behind: bundled as its authors do. The bundle is
 * kept in the system's folder for temporary files.
 *
 * @returns {Promise<Buffer>}
 */
export function kurentoUtils() {
  bundle ??= readFile(BUNDLE).catch(make);
  return bundle;
}

async function make() {
  const source = browserify({ standalone: 'kurentoUtils' })
    .require(require.resolve('kurento-utils'), { entry: true })
    .transform(require.resolve('browserify-optional'), { global: true });
  const script = await new Promise((resolve, fail) => source.bundle((error, made) => (error ? fail(error) : resolve(made))));
  const folder = await mkdtemp(join(tmpdir(), 'keel-bundle-'));
  const whole = join(folder, 'kurento-utils.js');
  await writeFile(whole, script);
  await rename(whole, BUNDLE); // at once: another process may be looking
  return script;
}
