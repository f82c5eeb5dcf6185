import { KeelError } from './error.js';

/** A page waits for a handful of answers; so many mean that the server does not keep up. */
const PENDING_MAX = 64;
/** Far more than a server takes that is there. */
const PATIENCE_MS = 10_000;

/** Finds the reply to each request by its number. */
export class Requests {
  #send;
  #silent;
  #patienceMs;
  #pending = new Map();
  #last = 0;

  /**
   * @param {(message: object) => boolean} send returns false where there is no connection
   * @param {() => void} silent called when an answer did not come in time
   * @param {number} patienceMs how long to wait for each answer
   */
  constructor(send, silent = () => {}, patienceMs = PATIENCE_MS) {
    this.#send = send;
    this.#silent = silent;
    this.#patienceMs = patienceMs;
  }

  /**
   * @param {{id: string}} message
   * @returns {Promise<object>} the reply
   * @throws {KeelError} `disconnected`, `timeout`, `busy`, or what the server refused it with
   */
  ask(message) {
    if (this.#pending.size >= PENDING_MAX) return Promise.reject(new KeelError('busy', 'Too much waits for the server.'));
    this.#last += 1;
    const request = this.#last;
    if (!this.#send({ ...message, request })) return Promise.reject(disconnected());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(request);
        reject(new KeelError('timeout', 'The server did not answer.'));
        this.#silent();
      }, this.#patienceMs);
      this.#pending.set(request, { resolve, reject, timer });
    });
  }

  /**
   * Settles what a message is the reply to.
   *
   * @param {{id: string, request?: number}} message
   * @returns {boolean} false if it is not a reply
   */
  settle(message) {
    const pending = this.#pending.get(message.request);
    if (!pending) return message.request !== undefined; // the reply to one that was given up says nothing any more
    this.#pending.delete(message.request);
    clearTimeout(pending.timer);
    if (message.id === 'error') pending.reject(new KeelError(message.code, message.message));
    else pending.resolve(message);
    return true;
  }

  /** No reply will come any more: each request fails. */
  abandon(error = disconnected()) {
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#pending.clear();
  }
}

function disconnected() {
  return new KeelError('disconnected', 'There is no connection to the server.');
}
