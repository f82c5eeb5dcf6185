import { once } from 'node:events';
import net from 'node:net';

/** The network between a client and the server: a TCP relay that can be cut. */
export class Cable {
  #listener;
  #pairs = new Set();
  #isCut = false;

  /** What clients connect to instead of the server. */
  url = '';
  /** How many connections it has carried. */
  carried = 0;

  /** @param {string} url of the server */
  static async to(url) {
    const cable = new Cable();
    const target = new URL(url);
    cable.#listener = net.createServer((near) => cable.#join(near, target));
    cable.#listener.listen(0, '127.0.0.1');
    await once(cable.#listener, 'listening');
    const through = new URL(url);
    through.host = `127.0.0.1:${cable.#listener.address().port}`;
    cable.url = through.href;
    return cable;
  }

  /** Resets every connection, and refuses new ones until it is mended. */
  cut() {
    this.#isCut = true;
    for (const pair of this.#pairs) for (const end of pair) end.resetAndDestroy();
    this.#pairs.clear();
  }

  /** Carries connections again. */
  mend() {
    this.#isCut = false;
  }

  /** Takes it away. */
  async remove() {
    this.cut();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #join(near, target) {
    // Either end may break at any time; the relay only passes that on.
    near.on('error', () => {});
    if (this.#isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(Number(target.port), target.hostname);
    far.on('error', () => {});
    this.carried += 1;
    const pair = [near, far];
    this.#pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const end of pair) {
      end.on('close', () => {
        for (const other of pair) other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
