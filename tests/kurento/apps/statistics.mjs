import { ask } from './ask.mjs';
import { HelloWorld } from './hello-world.mjs';

/** As `HelloWorld`, and asks for figures once media flows. */
export class Statistics extends HelloWorld {
  #flows;
  #tellFlows;

  constructor(kurento) {
    super(kurento);
    this.#flows = new Promise((resolve) => {
      this.#tellFlows = resolve;
    });
  }

  async prepare(endpoint, pipeline) {
    await ask(pipeline, 'setLatencyStats', true);
    endpoint.on('MediaStateChanged', ({ oldState, newState }) => {
      if (newState === 'CONNECTED') this.#tellFlows({ oldState, newState });
    });
  }

  /** Waits until media flows: the event that said so. */
  mediaFlows() {
    return this.#flows;
  }

  /** The statistics of the picture, by their type. @returns {Promise<Record<string, object>>} */
  async video() {
    const report = await ask(this.endpoint, 'getStats', 'VIDEO');
    return Object.fromEntries(Object.values(report).map((entry) => [entry.type, entry]));
  }
}
