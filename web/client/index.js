/**
 * Keel's client: rooms with audio, video, screens and chat, from a browser. `README.md` beside this file explains it,
 * `index.d.ts` declares it.
 */

import { KeelError } from './error.js';
import { Requests } from './requests.js';
import { Room } from './room.js';
import { Socket } from './socket.js';

export { KeelError } from './error.js';
export { Room } from './room.js';

/**
 * Joins a room, which is made where there is none of this name.
 *
 * @param {string | URL} server the address of the server's `/groupcall`
 * @param {import('./index.js').JoinOptions} options
 * @returns {Promise<Room>}
 * @throws {KeelError} when the server refuses or cannot be reached
 */
export async function join(server, options) {
  return new Room(new URL(server), options).enter();
}

/**
 * Makes a room before anybody joins it.
 *
 * @param {string | URL} server the address of the server's `/groupcall`
 * @param {{room?: string, sizeMax?: number}} [options] without `room` the server draws a name
 * @returns {Promise<{room: string, moderatorToken: string, sizeMax: number}>}
 * @throws {KeelError} when the server refuses or cannot be reached
 */
export function createRoom(server, options = {}) {
  const socket = new Socket(new URL(server));
  return new Promise((resolve, reject) => {
    const requests = new Requests((message) => socket.send(message));
    socket.addEventListener('open', () => {
      requests.ask({ id: 'createRoom', ...options }).then(resolve, reject).finally(() => socket.close());
    });
    socket.addEventListener('message', ({ detail }) => requests.settle(detail));
    socket.addEventListener('lost', () => {
      socket.close();
      requests.abandon();
      reject(new KeelError('unreachable', 'The server cannot be reached.'));
    });
    socket.connect();
  });
}
