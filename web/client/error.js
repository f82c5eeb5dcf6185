/**
 * What went wrong, in a form that a program can act on.
 *
 * `code` is the server's (`roomFull`, `roomLocked`, `nameTaken`, `badToken`, `notModerator`, `tooFast`, ...: see
 * `docs/group-calls.md`) or one of the client's own: `disconnected` (the connection to the server was lost meanwhile),
 * `timeout` (no answer came), `unreachable` (the first connection failed), `busy` (too much is waiting for an answer),
 * `closed` (the room was left), `negotiation` (browser and server could not agree on a media format).
 */
export class KeelError extends Error {
  /**
   * @param {string} code
   * @param {string} message for a person
   * @param {{cause?: unknown}} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = 'KeelError';
    this.code = code;
  }
}
