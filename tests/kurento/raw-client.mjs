import { once } from 'node:events';
import WebSocket from 'ws';
import { PATIENCE_MS } from '../shared/waiting.mjs';

/** A client that sends what no library would, and sees every frame. */
export class RawClient {
  #socket;
  #nextId = 0;
  /** What looks at the messages again when one arrives. */
  #watches = new Set();

  /** Every message from the server so far, in its order. */
  messages = [];
  /** The session of the last answer that named one. */
  sessionId;
  /** How the connection ended, once it did. */
  end = null;

  /**
   * @param {string} url
   * @param {{compression?: boolean, headers?: Record<string, string>, sessionId?: string}} options `compression`:
   *   whether to offer permessage-deflate; `sessionId`: what its requests name from the first on
   * @throws {Error} if the server refuses the connection
   */
  static async open(url, { compression = false, headers, sessionId } = {}) {
    const client = new RawClient();
    client.sessionId = sessionId;
    const socket = new WebSocket(url, { perMessageDeflate: compression, headers });
    client.#socket = socket;
    socket.on('message', (data) => client.#arrived(JSON.parse(data.toString())));
    socket.on('close', (code, reason) => {
      client.end = { code, reason: reason.toString() };
      client.#wake();
    });
    await once(socket, 'open');
    // From here on an error is followed by the close that says what it meant.
    socket.on('error', () => {});
    return client;
  }

  /** The extensions that both sides agreed on. */
  get extensions() {
    return this.#socket.extensions;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param {string} method
   * @param {object} [params] with the session's id added, if there is one and they do not name one
   * @returns {Promise<object>} the whole answer
   */
  async call(method, params) {
    return this.answer(this.post(method, params));
  }

  /** As `call`, for its result. @throws {Error} if the answer is an error */
  async result(method, params) {
    const answer = await this.call(method, params);
    if (!answer.result) throw new Error(`${method} ${JSON.stringify(params)} answered ${JSON.stringify(answer)}`);
    return answer.result;
  }

  /** As `call`, for the error that it answers. @throws {Error} if it succeeds */
  async refusal(method, params) {
    const answer = await this.call(method, params);
    if (!answer.error) throw new Error(`${method} ${JSON.stringify(params)} answered ${JSON.stringify(answer)}`);
    return answer.error;
  }

  /** Creates an object. @returns {Promise<string>} its id */
  async create(type, constructorParams) {
    return (await this.result('create', { type, constructorParams })).value;
  }

  /** Invokes an operation. @returns {Promise<unknown>} its value */
  async invoke(object, operation, operationParams) {
    return (await this.result('invoke', { object, operation, operationParams })).value;
  }

  /** Sends a request without waiting. @returns {number} its id */
  post(method, params) {
    const id = this.#nextId;
    this.#nextId += 1;
    const withSession = this.sessionId === undefined ? params : { sessionId: this.sessionId, ...params };
    this.send(JSON.stringify({ jsonrpc: '2.0', id, method, params: withSession }));
    return id;
  }

  /** Waits for the answer to a request. */
  answer(id) {
    return this.seen(`an answer to request ${id}`, (message) => message.id === id && !message.method);
  }

  /** Waits for an event, also one that came before. @returns {Promise<object>} its `value`: object, type, data */
  async event(type, object) {
    const isIt = ({ method, params }) =>
      method === 'onEvent' && params.value.type === type && (object === undefined || params.value.object === object);
    return (await this.seen(`event ${type}`, isIt)).params.value;
  }

  /** The events so far, of one type or of all. @returns {object[]} their `value`s */
  events(type) {
    const values = this.messages.filter(({ method }) => method === 'onEvent').map(({ params }) => params.value);
    return type === undefined ? values : values.filter((value) => value.type === type);
  }

  /**
   * Waits for a message, also one that came before.
   *
   * @param {string} what words for the failure
   * @param {(message: object) => boolean} isIt
   */
  async seen(what, isIt) {
    const find = () => this.messages.find(isIt);
    const found = await this.#until(what, () => find() ?? this.end);
    if (found === this.end && !find()) throw new Error(`closed (${JSON.stringify(this.end)}) before: ${what}`);
    return found;
  }

  /** Waits until the server has closed the connection. @returns {Promise<{code: number, reason: string}>} */
  closed() {
    return this.#until('the server to close the connection', () => this.end);
  }

  /** Sends anything. @param {string | Buffer} data text, or a binary message */
  send(data) {
    this.#socket.send(data);
  }

  /** Sends one message of text in several frames. @param {string[]} pieces */
  sendPieces(pieces) {
    pieces.forEach((piece, place) => this.#socket.send(piece, { fin: place === pieces.length - 1 }));
  }

  /** Closes the connection in order. */
  async close() {
    this.#socket.close();
    await this.closed();
  }

  /** Lets the connection die without a word. */
  async vanish() {
    this.#socket.terminate();
    await this.closed();
  }

  #arrived(message) {
    this.messages.push(message);
    const sessionId = message.result?.sessionId;
    if (sessionId) this.sessionId = sessionId;
    this.#wake();
  }

  #wake() {
    for (const watch of [...this.#watches]) watch();
  }

  /** Looks now and after each arrival, within the patience of all stories. */
  #until(what, look) {
    return new Promise((resolve, fail) => {
      const timer = setTimeout(() => {
        this.#watches.delete(watch);
        fail(new Error(`waited ${PATIENCE_MS} ms for: ${what}; last message: ${JSON.stringify(this.messages.at(-1))}`));
      }, PATIENCE_MS);
      const watch = () => {
        const seen = look();
        if (!seen) return;
        clearTimeout(timer);
        this.#watches.delete(watch);
        resolve(seen);
      };
      this.#watches.add(watch);
      watch();
    });
  }
}
