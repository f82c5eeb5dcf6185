/**
 * Notices that this machine has come to another network, where connections made before lead nowhere. Browsers say so
 * sooner than any connection does.
 */
export class Network {
  #changed;
  #type = navigator.connection?.type;
  #onOnline = () => this.#changed();
  #onChange = () => this.#compare();

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
    globalThis.addEventListener('online', this.#onOnline);
    navigator.connection?.addEventListener('change', this.#onChange);
  }

  /** Stops watching. */
  end() {
    globalThis.removeEventListener('online', this.#onOnline);
    navigator.connection?.removeEventListener('change', this.#onChange);
  }

  /** The event also tells of new estimates of the same network's speed. */
  #compare() {
    const { type } = navigator.connection;
    if (type === this.#type) return;
    this.#type = type;
    this.#changed();
  }
}
