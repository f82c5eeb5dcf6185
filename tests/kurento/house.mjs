import { after, afterEach, before, describe } from 'node:test';
import { Keel } from '../shared/keel.mjs';
import { Application } from './clients.mjs';
import { RawClient } from './raw-client.mjs';

/** A server for some stories, and the clients of the story that is being told. */
export class House {
  /** The server. */
  keel = null;
  #rawClients = [];
  #applications = [];

  /** Connects a client that sends frames of its own: see `RawClient.open`. */
  async raw(options = {}) {
    const client = await RawClient.open(options.url ?? this.keel.kurentoUrl, options);
    this.#rawClients.push(client);
    return client;
  }

  /** Connects an application that uses kurento-client: see `Application.connect`. */
  async application(options = {}) {
    const application = await Application.connect(options.url ?? this.keel.kurentoUrl, options);
    this.#applications.push(application);
    return application;
  }

  /** Ends a story: everything that its sessions still hold is released, and the server must hold nothing of it. */
  async clear() {
    const clients = [...this.#rawClients.splice(0), ...this.#applications.splice(0)];
    const sessions = new Set(clients.map(({ sessionId }) => sessionId).filter(Boolean));
    if (sessions.size > 0) {
      const cleaner = await RawClient.open(this.keel.kurentoUrl);
      // Unknown ones are those that the story has closed itself.
      for (const sessionId of sessions) await cleaner.call('closeSession', { sessionId, release: true });
      await cleaner.close();
    }
    for (const client of clients) await client.close();
    await this.keel.holdsNothing();
  }
}

/**
 * Tells stories with a server of their own. After each of them it must hold nothing.
 *
 * @param {string} title
 * @param {{workers?: number, flags?: string[]}} server see `Keel.start`
 * @param {(house: House) => void} stories declares them
 */
export function tell(title, server, stories) {
  describe(title, () => {
    const house = new House();
    before(async () => {
      house.keel = await Keel.start(server);
    });
    afterEach(() => house.clear());
    after(() => house.keel?.stop());
    stories(house);
  });
}
