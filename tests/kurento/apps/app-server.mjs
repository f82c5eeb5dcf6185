import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { extname } from 'node:path';
import { WebSocketServer } from 'ws';
import { kurentoUtils } from '../kurento-utils.mjs';

const TYPES = { '.html': 'text/html', '.js': 'text/javascript' };
/** Where the pages are. Names of other forms are not served. */
const PAGES = new URL('../pages/', import.meta.url);
const PAGE_NAME = /^\/([a-z0-9-]+\.(?:html|js))$/;

/**
 * The web server of an application: its pages, kurento-utils, and a WebSocket on which each message is an object with
 * an `id`, the method of the application that takes it.
 */
export class AppServer {
  #http;
  #sockets;
  #app;
  #work = new Set();

  /** Where browsers find it, with its last slash. */
  url = '';
  /** What went wrong in the application. */
  problems = [];

  /**
   * @param {object} app has a method for each name in `static messages`, called with the visitor and the message, and
   *   `left(visitor)` for when a visitor is gone
   */
  static async start(app) {
    const server = new AppServer();
    server.#app = app;
    server.#http = http.createServer((request, response) => server.#serve(request, response));
    server.#sockets = new WebSocketServer({ server: server.#http });
    server.#sockets.on('connection', (socket) => server.#welcome(socket));
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    server.url = `http://localhost:${server.#http.address().port}/`;
    return server;
  }

  /** Waits until the application has done what it was asked, and ends it. @throws {Error} if anything went wrong */
  async stop() {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, 'close');
    await Promise.all(this.#work);
    if (this.problems.length > 0) throw new AggregateError(this.problems, this.problems.map(String).join('; '));
  }

  async #serve({ url }, response) {
    const { pathname } = new URL(url, this.url);
    const [, page] = PAGE_NAME.exec(pathname) ?? [];
    if (pathname !== '/kurento-utils.js' && page === undefined) {
      response.writeHead(404).end();
      return;
    }
    const body = page === 'kurento-utils.js' ? await kurentoUtils() : await readFile(new URL(page, PAGES));
    response.writeHead(200, { 'content-type': TYPES[extname(pathname)] }).end(body);
  }

  #welcome(socket) {
    const visitor = { send: (message) => socket.send(JSON.stringify(message)) };
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      if (!this.#app.constructor.messages.includes(message.id)) {
        visitor.send({ id: 'error', message: `unknown message ${message.id}` });
        return;
      }
      this.#do(() => this.#app[message.id](visitor, message), visitor);
    });
    socket.on('close', () => this.#do(() => this.#app.left(visitor), visitor));
  }

  /** Does one piece of work; its end is waited for at the end of the story. */
  #do(work, visitor) {
    const done = Promise.resolve().then(work).catch((error) => {
      this.problems.push(error);
      visitor.send({ id: 'error', message: String(error) });
    });
    this.#work.add(done);
    done.finally(() => this.#work.delete(done));
  }
}
