import { Backoff } from './backoff.js';

/**
 * A WebSocket of JSON messages to the server, opened again by itself whenever it is lost.
 *
 * Events: `open`; `message` (a `CustomEvent` whose `detail` is the parsed message); `lost` (`detail.retryInMs`).
 */
export class Socket extends EventTarget {
  #address;
  #backoff = new Backoff();
  #socket = null;
  #timer = null;

  /** @param {URL} address an `http:`, `https:`, `ws:` or `wss:` address */
  constructor(address) {
    super();
    this.#address = new URL(address);
    this.#address.protocol = SECURE.has(this.#address.protocol) ? 'wss:' : 'ws:';
  }

  /** Connects now, also in the middle of a wait. Does nothing where a connection exists or is being made. */
  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.addEventListener('open', () => this.#opened(socket));
    socket.addEventListener('message', (event) => this.#received(socket, event.data));
    // `error` tells a page nothing and is always followed by `close`.
    socket.addEventListener('close', () => this.#closed(socket));
  }

  /** Drops the connection, which makes the server forget this page's name, and makes a new one. */
  reconnect() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#backoff.reset();
    this.connect();
  }

  /**
   * Gives up a connection that does not answer any more: it counts as lost now, not when its network says so, which
   * takes minutes after a change of network.
   */
  drop() {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#closed(socket);
  }

  /** Ends for good: nothing is received any more, and no connection made. */
  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /** Whether a message sent now can reach the server. */
  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /**
   * @param {{id: string}} message
   * @returns {boolean} whether it was sent; without a connection it is dropped, because whatever it was about
   *   ended together with the connection
   */
  send(message) {
    if (!this.isOpen) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #opened(socket) {
    if (socket !== this.#socket) return;
    this.dispatchEvent(new Event('open'));
  }

  #received(socket, text) {
    if (socket !== this.#socket) return;
    // Only now, not at `open`: a server that accepts and closes at once must not be asked twice a second.
    this.#backoff.reset();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      console.warn('keel: the server sent something that is not JSON');
      return;
    }
    this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  #closed(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    const retryInMs = this.#backoff.next();
    this.#timer = setTimeout(() => this.connect(), retryInMs);
    this.dispatchEvent(new CustomEvent('lost', { detail: { retryInMs } }));
  }
}

const SECURE = new Set(['https:', 'wss:']);
