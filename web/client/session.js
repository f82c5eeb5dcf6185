import { KeelError } from './error.js';
import { Requests } from './requests.js';
import { Socket } from './socket.js';

/**
 * Being in a room as far as the socket knows: joins, and after a lost connection joins again as the same participant
 * where the server still knows us, else as a new one.
 *
 * Events: `entered` (`detail`: the server's answer to `join`; `resumed` in it says whether we are the same as before);
 * `message` (`detail`: what is no reply); `lost` (`detail.retryInMs`); `ended` (`detail`: the `KeelError` that says why
 * we cannot come back).
 */
export class Session extends EventTarget {
  #socket;
  #requests;
  #identity;
  #resumeToken;
  #isIn = false;
  #wasIn = false;
  #isOver = false;

  /**
   * @param {URL} address of the server's `/groupcall`
   * @param {{room: string, name: string, token: string | null, resumeToken: string | null}} identity
   */
  constructor(address, { room, name, token, resumeToken }) {
    super();
    this.#identity = { room, name, token };
    this.#resumeToken = resumeToken;
    this.#socket = new Socket(address);
    this.#requests = new Requests((message) => this.#socket.send(message), () => this.#socket.drop());
    this.#socket.addEventListener('open', () => this.#join());
    this.#socket.addEventListener('message', ({ detail }) => this.#received(detail));
    this.#socket.addEventListener('lost', ({ detail }) => this.#lost(detail));
  }

  /** Whether requests can be made now. */
  get isIn() {
    return this.#isIn;
  }

  /** What makes us a moderator; `null` without it. */
  get token() {
    return this.#identity.token;
  }

  /** What shows that we are who we were. */
  get resumeToken() {
    return this.#resumeToken;
  }

  /** Connects now, also in the middle of a wait for the next attempt. */
  connect() {
    if (!this.#isOver) this.#socket.connect();
  }

  /** @see Requests.ask */
  async ask(message) {
    if (this.#isOver) throw new KeelError('closed', 'The room was left.');
    if (!this.#isIn) throw new KeelError('disconnected', 'There is no connection to the server.');
    return this.#requests.ask(message);
  }

  /** Sends what needs no answer. */
  tell(message) {
    if (this.#isIn) this.#socket.send(message);
  }

  /** Leaves. The server is told, and waited for no longer than it takes to answer. */
  async leave() {
    if (this.#isOver) return;
    if (this.#isIn) await this.#requests.ask({ id: 'leave' }).catch(() => {}); // gone is gone
    this.end();
  }

  /** Ends without a word. */
  end() {
    this.#isOver = true;
    this.#isIn = false;
    this.#socket.close();
    this.#requests.abandon(new KeelError('closed', 'The room was left.'));
  }

  async #join() {
    const { room, name, token } = this.#identity;
    const message = { id: 'join', room, name };
    if (token) message.token = token;
    if (this.#resumeToken) message.resumeToken = this.#resumeToken;
    // A page that was reloaded has nothing left of the connections that it could resume.
    if (this.#resumeToken && !this.#wasIn) message.fresh = true;
    try {
      this.#enter(await this.#requests.ask(message));
    } catch (error) {
      this.#refused(error);
    }
  }

  #enter(joined) {
    this.#resumeToken = joined.resumeToken;
    this.#identity.token = joined.moderatorToken ?? this.#identity.token;
    this.#isIn = true;
    this.#wasIn = true;
    this.dispatchEvent(new CustomEvent('entered', { detail: joined }));
  }

  #refused(error) {
    if (this.#isOver || TRANSIENT.has(error.code)) return; // the socket tries again
    if (this.#wasIn && OVERLOADED.has(error.code)) {
      this.#socket.drop();
      return;
    }
    // Of a room that was made anew meanwhile we know no token any more; whoever we were, we may still come in as a
    // new participant.
    const known = this.#resumeToken ?? (this.#wasIn ? this.#identity.token : null);
    if (known !== null) {
      if (this.#resumeToken === null || error.code === 'badToken') this.#identity.token = null;
      this.#resumeToken = null;
      this.#join();
      return;
    }
    this.end();
    this.dispatchEvent(new CustomEvent('ended', { detail: error }));
  }

  #received(message) {
    if (this.#requests.settle(message)) return;
    if (this.#isIn) this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }

  #lost(detail) {
    this.#isIn = false;
    this.#requests.abandon();
    this.dispatchEvent(new CustomEvent('lost', { detail }));
  }
}

/** The connection went away under the request: it is made again by itself. */
const TRANSIENT = new Set(['disconnected', 'timeout', 'closed']);
/** The server is there and has no time now, or makes place for the next one. */
const OVERLOADED = new Set(['busy', 'tooFast', 'shuttingDown']);
