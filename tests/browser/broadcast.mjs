import { openPage } from './page.mjs';
import { Viewer } from '../shared/viewer.mjs';
import { until } from '../shared/waiting.mjs';

/** Somebody at a page that uses `web/live`, which is loaded into the server's first page. */
class Participant extends Viewer {
  #close;
  #problems;

  static async open(browser, url, name) {
    const person = new this();
    person.name = name;
    const opened = await openPage(browser, new URL('/', url), {});
    person.page = opened.page;
    person.#close = opened.close;
    person.#problems = opened.problems;
    return person;
  }

  /** Restarts ICE and waits until the connection is up under the new credentials. */
  async restarts() {
    const before = await this.#localFragment();
    await this.page.evaluate(() => window.session.restart());
    const look = async () => ({ fragment: await this.#localFragment(), state: await this.page.evaluate(() => window.session.state) });
    await until(`${this.name} to be live again`, look, ({ fragment, state }) => fragment !== before && state === 'live');
  }

  /** Ends what it does. */
  ends() {
    return this.page.evaluate(() => window.session.end());
  }

  /** Peer connections that the page has made. */
  connections() {
    return this.page.evaluate(() => window.keelPeers.length);
  }

  /** Leaves for good. @throws {Error} if the page had an error that nobody caught */
  async leave() {
    await this.page.evaluate(() => window.session?.end());
    await this.vanish();
  }

  /** Is gone without a word: the server finds out by itself. */
  async vanish() {
    await this.#close();
    if (this.#problems.length > 0) throw new Error(`errors in ${this.name}'s page: ${this.#problems.join('; ')}`);
  }

  async isLive() {
    await until(`${this.name} to be live`, () => this.page.evaluate(() => window.session.state), (state) => state === 'live');
  }

  /** The fragment of the pair in use. */
  #localFragment() {
    return this.page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(window.session.connection.currentLocalDescription.sdp)[1]);
  }
}

/** Who shows something. */
export class Broadcaster extends Participant {
  /** Publishes the fake camera and microphone and waits until the connection is up. */
  async publishes(stream, video = { width: 160, height: 90, frameRate: 10 }) {
    await this.page.evaluate(async (name, picture) => {
      const { publish } = await import('/live/whip.js');
      const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: picture });
      window.session = await publish(media, `/whip/${name}`);
    }, stream, video);
    await this.isLive();
  }
}

/** Who watches. */
export class Spectator extends Participant {
  /** Plays a stream and waits until the connection is up. */
  async plays(stream, token) {
    await this.#play(stream, token);
    await this.isLive();
  }

  /** The most that is wanted of the picture. */
  limits(layer) {
    return this.page.evaluate((wanted) => window.session.limit(wanted), layer);
  }

  /** What the server says to somebody whom it does not let in. */
  isRefused(stream, token) {
    return this.page.evaluate(async (name, shown) => {
      const { play } = await import('/live/whep.js');
      const refusal = await play(`/whep/${name}`, shown).then(() => ({}), (error) => error);
      return { status: refusal.status, code: refusal.code };
    }, stream, token);
  }

  #play(stream, token) {
    return this.page.evaluate(async (name, shown) => {
      const { play } = await import('/live/whep.js');
      window.session = await play(`/whep/${name}`, shown);
      const video = document.createElement('video');
      Object.assign(video, { id: 'remote-video', autoplay: true, playsInline: true, srcObject: window.session.stream });
      document.body.append(video);
    }, stream, token);
  }
}
