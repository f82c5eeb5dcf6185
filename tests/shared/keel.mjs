import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './waiting.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The server's binary. */
export const BINARY = process.env.KEEL_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/keel');

/** What must be zero when no call, no pipeline and nobody is left. */
const GAUGES = ['keel_sessions', 'keel_endpoints', 'keel_pipelines', 'keel_relays', 'keel_participants'];
/** The server gives its own calls ten seconds to end. */
const STOP_MS = 15_000;

/** The real binary, with a data directory of its own and ports that the system chose. */
export class Keel {
  #process;
  #output = '';
  #dataDir;
  #options;

  /**
   * Starts a server and waits until it has printed where to reach it.
   *
   * @param {{workers?: number, placement?: string, tls?: boolean, accessToken?: string, flags?: string[], address?: string,
   *   httpPort?: number, mediaPort?: number, within?: string[]}} options `accessToken`: what visitors must show; `flags`: further ones of the command
   *   line; `address`: where HTTP and Kurento's protocol are, in place of 127.0.0.1; `within`: a command that runs the
   *   server's as its own arguments, in another network as a rule
   * @throws {Error} with the server's own words if it does not start
   */
  static async start(options = {}) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: build it with cargo build -p keel, or set KEEL_BIN`);
    const keel = new Keel();
    keel.#options = options;
    keel.#dataDir = await mkdtemp(join(tmpdir(), 'keel-story-'));
    await keel.#run(options.httpPort ?? 0, 0);
    return keel;
  }

  /** The page's address, with its last slash. */
  url = '';
  /** The address that Kurento's clients use. */
  kurentoUrl = '';

  /** The TURN server's port, of UDP and TCP; 0 when it is off. */
  turnPort = 0;

  /** Stops the server and starts it again at the same address with the same data. */
  async restart() {
    await this.halt();
    await this.goOn();
  }

  /**
   * Stops the server as an operator does, and keeps its data.
   *
   * @throws {Error} with the server's own words if it does not end in order, or panicked on the way
   */
  async halt() {
    const ended = this.#isRunning() ? once(this.#process, 'exit') : null;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== 0) throw new Error(`the server ended with ${exitCode ?? signalCode}: ${this.#output}`);
    if (this.#output.includes('panicked')) throw new Error(`the server panicked: ${this.#output}`);
  }

  /** Starts it again after `halt`. */
  async goOn() {
    await this.#run(...[this.url, this.kurentoUrl].map((url) => Number(new URL(url).port)));
  }

  /** Stops the server for good. */
  async stop() {
    await this.halt();
    await rm(this.#dataDir, { recursive: true });
  }

  /** Waits until the server holds no session, endpoint, pipeline and participant any more, and relays nothing. */
  async holdsNothing() {
    const zeros = Object.fromEntries(GAUGES.map((name) => [name, 0]));
    const isZero = (seen) => JSON.stringify(seen) === JSON.stringify(zeros);
    await until('no session, endpoint and pipeline left', () => this.gauges(), isZero);
  }

  /** @returns {Promise<Record<string, number | undefined>>} the gauges by name */
  async gauges() {
    const text = await get(new URL('metrics', this.url));
    return Object.fromEntries(GAUGES.map((name) => [name, readGauge(text, name)]));
  }

  /** @returns {Promise<number>} a counter or gauge by its name and labels; zero before there is one */
  async metric(name) {
    return readGauge(await get(new URL('metrics', this.url)), name) ?? 0;
  }

  async #run(httpPort, kurentoPort) {
    const { workers = 1, placement = 'together', tls = false, accessToken, flags: further = [] } = this.#options;
    const { address = '127.0.0.1', mediaPort = 0, within = [] } = this.#options;
    const flags = [
      ...['--http-addresses', address, '--http-port', String(httpPort)],
      ...['--kurento-addresses', address, '--kurento-port', String(kurentoPort)],
      ...['--media-port', String(mediaPort), '--turn-port', '0', '--workers', String(workers), '--data-dir', this.#dataDir],
      ...['--placement', placement],
      ...(tls ? ['--tls-self-signed', '--kurento-tls-port', '0'] : []),
      ...further,
    ];
    const environment = accessToken ? { ...process.env, KEEL_ACCESS_TOKENS: accessToken } : process.env;
    const [program, ...words] = [...within, BINARY, ...flags];
    const server = spawn(program, words, { cwd: this.#dataDir, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = server;
    this.#output = '';
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output += text;
      });
    }
    const host = String.raw`(?:[\w.-]+|\[[\da-f:]+\])`;
    const addresses = [`https?://${host}:\\d+/`, `wss?://${host}:\\d+/kurento\\b`].map((text) => new RegExp(text));
    await until(
      'the server to print its addresses',
      () => ({ output: this.#output, ended: server.exitCode ?? server.signalCode }),
      ({ output, ended }) => /\n {2}stop /.test(output) || ended !== null,
    );
    const [page, kurento] = addresses.map((pattern) => pattern.exec(this.#output)?.[0]);
    if (!page || !kurento) throw new Error(`the server ended at its start: ${this.#output}`);
    this.url = page;
    this.turnPort = Number(/turn +UDP and TCP (\d+)/.exec(this.#output)?.[1] ?? 0);
    this.kurentoUrl = kurento.replace('localhost', '127.0.0.1'); // the address that it was told to listen on
  }

  #isRunning() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }
}

/** The body of a page; a certificate that the server made itself is accepted. */
async function get(url) {
  const client = url.protocol === 'https:' ? https : http;
  const [response] = await once(client.get(url, { rejectUnauthorized: false, agent: false }), 'response');
  const chunks = await response.setEncoding('utf8').toArray();
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`);
  return chunks.join('');
}

function readGauge(text, name) {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}
