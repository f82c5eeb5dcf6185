import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { BINARY } from './keel.mjs';

const PROXY = process.env.BAD_NETWORK_BIN ?? join(dirname(BINARY), 'bad-network');

/**
 * A bad network between one page and every server: the link model of `crates/testkit` in real time. The page learns its
 * addresses in place of the servers'.
 */
export class BadNetwork {
  #settings;
  /** By the server's address, the promise of a running proxy. */
  #proxies = new Map();

  /** @param {object} settings see `crates/testkit/src/bin/bad-network.rs` */
  constructor(settings) {
    if (!existsSync(PROXY)) throw new Error(`${PROXY} is missing: build it with cargo build -p keel-testkit, or set BAD_NETWORK_BIN`);
    this.#settings = settings;
  }

  /** Puts a page behind it that has not been opened yet. */
  async surround(page) {
    await page.exposeFunction('keelDetour', (text) => this.#detour(text));
    await page.evaluateOnNewDocument(takeDetours);
  }

  /** Makes it better or worse while it is used. */
  async change(settings) {
    for (const { process } of await Promise.all(this.#proxies.values())) process.stdin.write(`${JSON.stringify(settings)}\n`);
  }

  /** Ends it. */
  async end() {
    for (const { process } of await Promise.all(this.#proxies.values())) {
      const ended = once(process, 'exit');
      process.stdin.end();
      await ended;
    }
    this.#proxies.clear();
  }

  /** A description or a candidate with the proxy's address in each candidate; those that it has no address for are left out. */
  async #detour(text) {
    const lines = await Promise.all(text.split('\r\n').map(async (line) => {
      const [, before, address, port, after] = /^(.*candidate:\S+ \d+ udp \d+ )(\S+) (\d+)( typ .*)$/i.exec(line) ?? [];
      if (!before) return line;
      if (address.includes(':')) return null;
      const proxy = await this.#proxy(`${address}:${port}`);
      return `${before}127.0.0.1 ${proxy.port}${after}`;
    }));
    return lines.filter((line) => line !== null).join('\r\n');
  }

  #proxy(target) {
    if (!this.#proxies.has(target)) this.#proxies.set(target, start(target, this.#settings));
    return this.#proxies.get(target);
  }
}

async function start(target, settings) {
  const process = spawn(PROXY, [target, JSON.stringify(settings)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [address] = await Promise.race([
    once(createInterface({ input: process.stdout }), 'line'),
    once(process, 'exit').then(([code]) => { throw new Error(`the proxy ended with ${code}`); }),
  ]);
  return { process, port: Number(address.split(':').at(-1)) };
}

/** What runs inside the page, before its own scripts; complete in itself. */
function takeDetours() {
  const { addIceCandidate, setRemoteDescription } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addIceCandidate = async function (given) {
    const candidate = given?.candidate ? await window.keelDetour(given.candidate) : given?.candidate;
    if (given?.candidate && !candidate) return; // no way there but a direct one
    const { sdpMid, sdpMLineIndex, usernameFragment } = given ?? {};
    await addIceCandidate.call(this, given && { candidate, sdpMid, sdpMLineIndex, usernameFragment });
  };
  RTCPeerConnection.prototype.setRemoteDescription = async function ({ type, sdp }) {
    await setRemoteDescription.call(this, { type, sdp: await window.keelDetour(sdp) });
  };
}
