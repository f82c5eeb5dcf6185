import { once } from 'node:events';
import net from 'node:net';

/** The network between a client and the server: a TCP relay that can be cut. */
export class Cable {
  #target;
  #listener = null;
  #pairs = new Set();

  /** What clients connect to instead of the server. */
  url = '';
  /** How many connections it has carried. */
  carried = 0;

  /** @param {string} url of the server */
  static async to(url) {
    const cable = new Cable();
    cable.#target = new URL(url);
    const port = await cable.#listen(0);
    const through = new URL(url);
    through.host = `127.0.0.1:${port}`;
    cable.url = through.href;
    return cable;
  }

  /** Ends every connection without a word of the protocol; new ones are refused until it is mended. */
  async cut() {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    for (const pair of this.#pairs) for (const end of pair) end.destroy();
    await closed;
  }

  /** Carries connections again. */
  async mend() {
    await this.#listen(Number(new URL(this.url).port));
  }

  async #listen(port) {
    this.#listener = net.createServer((near) => this.#join(near));
    this.#listener.listen(port, '127.0.0.1');
    await once(this.#listener, 'listening');
    return this.#listener.address().port;
  }

  #join(near) {
    const far = net.connect(Number(this.#target.port), this.#target.hostname);
    this.carried += 1;
    const pair = [near, far];
    this.#pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const end of pair) {
      // Either end may break at any time; the relay only passes that on.
      end.on('error', () => {});
      end.on('close', () => {
        for (const other of pair) other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
