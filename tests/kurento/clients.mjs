/** The unmodified versions of kurento-client, and applications that use them. */

import { createRequire } from 'node:module';

/** Where each version is installed: see ../package.json. */
const HOMES = { '7.3': './', '7.2': '../kurento-clients/7.2/', 6.18: '../kurento-clients/6.18/' };

/** How long the library remembers answers. With its own 20 s it would keep this process alive for so long. */
const DUPLICATES_MS = 100;

/** The versions, newest first. */
export const VERSIONS = ['7.3', '7.2', '6.18'];

/**
 * @param {string} version one of `VERSIONS`
 * @returns {{KurentoClient: Function, packages: Record<string, string>}} the library, and the exact version of each of
 *   its packages that declares a part of the object model
 */
export function library(version) {
  const require = createRequire(new URL(HOMES[version], import.meta.url));
  const parts = ['kurento-client', 'kurento-client-core', 'kurento-client-elements', 'kurento-client-filters'];
  const packages = Object.fromEntries(parts.map((part) => [part, require(`${part}/package.json`).version]));
  return { KurentoClient: withOldDomain(() => require('kurento-client')), packages };
}

/**
 * Loads something while `domain.Domain` is a constructor that can be called without `new`. The library inherits its
 * transactions from it by calling it so, which has thrown since Node 12 made it a class; applications that use explicit
 * transactions on a newer Node do the same.
 */
function withOldDomain(load) {
  const domain = createRequire(import.meta.url)('node:domain');
  const { Domain } = domain;
  const { EventEmitter } = createRequire(import.meta.url)('node:events');
  function OldDomain() {
    EventEmitter.call(this);
  }
  OldDomain.prototype = Object.create(EventEmitter.prototype);
  OldDomain.prototype.run = function run(body) {
    body();
  };
  domain.Domain = OldDomain;
  try {
    return load();
  } finally {
    domain.Domain = Domain;
  }
}

/**
 * The error that an operation answers. The library tells errors to callbacks; without one its promises are fulfilled
 * with nothing.
 *
 * @param {(told: (error: Error | null, value: unknown) => void) => void} operate
 * @throws {Error} if the operation succeeds
 */
export function failure(operate) {
  return new Promise((resolve, fail) => {
    operate((error, value) => (error ? resolve(error) : fail(new Error(`it succeeded: ${JSON.stringify(value)}`))));
  });
}

/** A program that is written for Kurento. */
export class Application {
  #raw;

  /** What `await kurento(url)` gives. */
  client = null;

  /**
   * Connects as applications do.
   *
   * @param {string} url
   * @param {{version?: string, reconnected?: (sameSession: boolean) => void}} options `version`: one of `VERSIONS`;
   *   `reconnected`: told of each return after a broken connection; others are the library's own
   */
  static async connect(url, { version = '7.3', reconnected, ...options } = {}) {
    const application = new Application();
    application.#raw = library(version).KurentoClient(url, { duplicates_timeout: DUPLICATES_MS, ...options });
    // It tries again by itself, but without a listener each refused attempt would end the process.
    application.#raw._re.on('error', () => {});
    if (reconnected) application.#raw.on('reconnected', reconnected);
    application.client = await application.#raw;
    // Its check of the server's modules is sent without being waited for.
    await (await application.client.getServerManager()).getInfo();
    return application;
  }

  /** The session that the server gave it. */
  get sessionId() {
    return this.#raw.sessionId;
  }

  /** Ends the connection. What it created lives on. */
  close() {
    this.#raw.close();
    // `close` alone waits for the last answer, and for ever if that was an error.
    this.#raw._re.disconnect();
  }
}
