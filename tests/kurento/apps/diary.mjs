import { HelloWorld } from './hello-world.mjs';

/** As `HelloWorld`, and writes down what its endpoint tells. */
export class Diary extends HelloWorld {
  /** Events in the order in which they came. */
  entries = [];

  async prepare(endpoint) {
    for (const type of endpoint.constructor.events) endpoint.on(type, (event) => this.entries.push(event));
  }

  /** The events of one type. */
  of(type) {
    return this.entries.filter((event) => event.type === type);
  }
}
