import { dirname, join } from 'node:path';
import { BINARY } from './keel.mjs';
import { LineProcess } from './line-process.mjs';

const PROXY = process.env.BAD_NETWORK_BIN ?? join(dirname(BINARY), 'bad-network');

/**
 * A bad network between one page and every server: the link model of `crates/testkit` in real time. The page learns its
 * addresses in place of the servers'.
 */
export class BadNetwork {
  #settings;
  /** By the server's address, the promise of a running `Proxy`. */
  #proxies = new Map();

  /** @param {object} settings see `crates/testkit/src/bin/bad-network.rs` */
  constructor(settings) {
    LineProcess.check(PROXY, 'cargo build -p keel-testkit, or set BAD_NETWORK_BIN');
    this.#settings = settings;
  }

  /** Puts a page behind it that has not been opened yet. */
  async surround(page) {
    await page.exposeFunction('keelDetour', (text) => this.#detour(text));
    await page.evaluateOnNewDocument(takeDetours);
  }

  /** The port of 127.0.0.1 by which a server (`ADDRESS:PORT`) is reached through it. */
  async portBefore(server) {
    return (await this.#proxy(server)).port;
  }

  /**
   * Makes it better or worse while it is used.
   *
   * @returns {Promise<{sent: number, delivered: number, dropped: number}>} datagrams on the way to the page so far
   */
  async change(settings) {
    const proxies = await Promise.all(this.#proxies.values());
    const counters = await Promise.all(proxies.map((proxy) => proxy.tell(settings)));
    const sum = (field) => counters.reduce((total, counted) => total + counted[field], 0);
    return { sent: sum('sent'), delivered: sum('delivered'), dropped: sum('dropped') };
  }

  /** What happened on the way to the page so far: see `change`. */
  counters() {
    return this.change({});
  }

  /** Ends it. */
  async end() {
    for (const proxy of await Promise.all(this.#proxies.values())) await proxy.end();
    this.#proxies.clear();
  }

  /** A description or a candidate with the proxy's address in each candidate; those that it has no way for (IPv6, TCP) are left out. */
  async #detour(text) {
    const lines = await Promise.all(text.split('\r\n').map(async (line) => {
      const [, before, address, port, after] = /^(.*candidate:\S+ \d+ udp \d+ )(\S+) (\d+)( typ .*)$/i.exec(line) ?? [];
      if (/candidate:\S+ \d+ tcp /i.test(line)) return null;
      if (!before) return line;
      if (address.includes(':')) return null;
      const proxy = await this.#proxy(`${address}:${port}`);
      return `${before}127.0.0.1 ${proxy.port}${after}`;
    }));
    return lines.filter((line) => line !== null).join('\r\n');
  }

  #proxy(target) {
    if (!this.#proxies.has(target)) this.#proxies.set(target, Proxy.start(target, this.#settings));
    return this.#proxies.get(target);
  }
}

/** One running proxy. */
class Proxy {
  #process;

  /** Where it listens on loopback. */
  port = 0;

  static async start(target, settings) {
    const proxy = new Proxy();
    proxy.#process = new LineProcess(PROXY, [target, JSON.stringify(settings)]);
    proxy.port = Number((await proxy.#process.line()).split(':').at(-1));
    return proxy;
  }

  /** Changes its settings, and returns its counters. */
  tell(settings) {
    return this.#process.ask(settings);
  }

  end() {
    return this.#process.end();
  }
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
