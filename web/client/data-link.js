import { KeelError } from './error.js';

/** Bytes of one message; the server drops what is longer. */
export const MESSAGE_BYTES_MAX = 16_384;
/** Bytes that may wait in the browser: a path that is slower than its page loses nothing in silence. */
const WAITING_BYTES_MAX = 1 << 20;
/** Behind the identifier of who sent a message. */
const TAG_END = 10;
/** No identifier is longer. */
const TAG_BYTES_MAX = 32;

/**
 * The data channel on the receiving connection: what we send reaches all others that have theirs open.
 *
 * Events: `data` (`detail`: `{participant, data}`, the sender's identifier and a text or an ArrayBuffer).
 */
export class DataLink extends EventTarget {
  #channel = null;
  #waiting = [];

  /** @returns {boolean} whether messages can flow */
  get isOpen() {
    return this.#channel?.readyState === 'open';
  }

  /** Makes the channel, once the connection's offer has a line for it. @param {RTCPeerConnection} connection */
  attach(connection) {
    if (this.#channel) return;
    const channel = connection.createDataChannel('data');
    channel.binaryType = 'arraybuffer';
    channel.addEventListener('open', () => this.#settle(null));
    channel.addEventListener('message', ({ data }) => {
      const message = untag(data);
      if (message) this.dispatchEvent(new CustomEvent('data', { detail: message }));
    });
    channel.addEventListener('close', () => {
      if (this.#channel === channel) this.#channel = null;
    });
    this.#channel = channel;
  }

  /** Settles when messages can flow. */
  opened() {
    if (this.isOpen) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /**
   * @param {string | ArrayBuffer | ArrayBufferView} data
   * @throws {KeelError} `tooLong`, `tooFast`, `disconnected`
   */
  send(data) {
    const length = typeof data === 'string' ? new TextEncoder().encode(data).length : data.byteLength;
    if (length > MESSAGE_BYTES_MAX) throw new KeelError('tooLong', `A message has at most ${MESSAGE_BYTES_MAX} bytes.`);
    if (!this.isOpen) throw new KeelError('disconnected', 'The data channel is not open.');
    if (this.#channel.bufferedAmount > WAITING_BYTES_MAX) throw new KeelError('tooFast', 'Too much waits to be sent.');
    this.#channel.send(data);
  }

  /** The connection has ended; another one may follow. */
  detach() {
    this.#channel?.close();
    this.#channel = null;
  }

  /** It is over for good. */
  end() {
    this.detach();
    this.#settle(new KeelError('closed', 'The room was left.'));
  }

  #settle(error) {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error) reject(error);
      else resolve();
    }
  }
}

/**
 * @param {string | ArrayBuffer} frame as it comes: the sender's identifier, a line feed, the message
 * @returns {{participant: string, data: string | ArrayBuffer} | null} `null` for what has no sender
 */
export function untag(frame) {
  if (typeof frame === 'string') {
    const end = frame.indexOf('\n');
    return end > 0 ? { participant: frame.slice(0, end), data: frame.slice(end + 1) } : null;
  }
  const end = new Uint8Array(frame, 0, Math.min(frame.byteLength, TAG_BYTES_MAX)).indexOf(TAG_END);
  if (end <= 0) return null;
  return { participant: new TextDecoder().decode(frame.slice(0, end)), data: frame.slice(end + 1) };
}
