import { after, afterEach, before, describe } from 'node:test';
import { launchChromium } from '../shared/browser.mjs';
import { Keel } from '../shared/keel.mjs';
import { AppServer } from './apps/app-server.mjs';
import { Application } from './clients.mjs';
import { Visitor } from './visitor.mjs';

/** A server, a browser, and the application and visitors of the story that is being told. */
export class Theatre {
  keel = null;
  browser = null;
  #kurento = null;
  #appServer = null;
  #visitors = [];

  /**
   * Starts an application.
   *
   * @template T
   * @param {new (kurento: object, options?: object) => T} App
   * @param {object} [options] of its endpoints
   * @returns {Promise<T>}
   */
  async runs(App, options) {
    this.#kurento = await Application.connect(this.keel.kurentoUrl);
    const app = new App(this.#kurento.client, options);
    this.#appServer = await AppServer.start(app);
    return app;
  }

  /**
   * Opens a page of the application.
   *
   * @param {string} page its name, and what else its address has
   * @param {string} name of the person
   * @param {BadNetwork} [network] see `Visitor.open`
   */
  async visitor(page, name, network) {
    const [, file, query] = /^([^?]*)(.*)$/.exec(page);
    const visitor = await Visitor.open(this.browser, new URL(`${file}.html${query}`, this.#appServer.url).href, name, network);
    this.#visitors.push(visitor);
    return visitor;
  }

  /** Ends a story: everybody leaves, the application ends, and the server must hold nothing of it. */
  async clear() {
    const ends = await Promise.allSettled(this.#visitors.splice(0).map((visitor) => visitor.leave()));
    ends.push(...await Promise.allSettled([this.keel.holdsNothing()]));
    ends.push(...await Promise.allSettled([this.#appServer?.stop()]));
    this.#kurento?.close();
    const failures = ends.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  }
}

/**
 * Tells the same stories with one worker, and with two that have the endpoints of each pipeline apart. After each of
 * them the server must hold nothing.
 *
 * @param {string} title
 * @param {(theatre: Theatre) => void} stories declares them
 * @param {object} [server] see `Keel.start`
 */
export function tell(title, stories, server = {}) {
  for (const workers of [1, 2]) {
    describe(`${title}, with ${workers === 1 ? 'one worker' : 'endpoints on two workers'}`, () => {
      const theatre = new Theatre();
      before(async () => {
        const placement = workers === 1 ? 'together' : 'spread';
        theatre.keel = await Keel.start({ workers, placement, ...server });
        theatre.browser = await launchChromium();
      });
      afterEach(() => theatre.clear());
      after(async () => {
        await theatre.browser?.close();
        await theatre.keel?.stop();
      });
      stories(theatre);
    });
  }
}
