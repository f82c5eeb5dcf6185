/** A server has a handful of addresses; more than this is not one of ours. */
const EARLY_CANDIDATES_MAX = 64;
/** Wi-Fi that stumbles is back before that; what lasts longer needs another way. */
const UNSTABLE_MS = 2_500;

/**
 * One of the two peer connections of a participant: candidates both ways in the order that they must have, and a word
 * when it needs new ones.
 *
 * Events: `candidate` (`detail`: one of ours, never before `sent`); `state` (`state` changed); `weak` (nothing passes
 * any more: a restart of ICE may find another way); `track` (`detail`: the browser's event).
 */
export class Peer extends EventTarget {
  /** The connection itself, for what is negotiated on it. */
  connection;
  /** Candidates found before a description was sent; `null` once they flow freely. */
  #unsent = [];
  /** Candidates received before there is a description that they belong to; `null` once they are added at once. */
  #early = [];
  #timer = null;

  /** @param {RTCIceServer[]} iceServers */
  constructor(iceServers) {
    super();
    this.connection = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.connection.addEventListener('icecandidate', ({ candidate }) => this.#found(candidate));
    this.connection.addEventListener('connectionstatechange', () => this.#changed());
  }

  /** @returns {RTCPeerConnectionState} */
  get state() {
    return this.connection.connectionState;
  }

  /** A description is on its way: until then the server knows of nothing that a candidate could belong to. */
  sent() {
    const candidates = this.#unsent ?? [];
    this.#unsent = null;
    for (const candidate of candidates) this.#found(candidate);
  }

  /** The other side's description is set. */
  async described() {
    const candidates = this.#early ?? [];
    this.#early = null;
    for (const candidate of candidates) await this.#add(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate one of the server's; may come before its description */
  async addCandidate(candidate) {
    if (!this.#early) return this.#add(candidate);
    if (this.#early.length < EARLY_CANDIDATES_MAX) this.#early.push(candidate);
  }

  /** Ends the connection. */
  close() {
    clearTimeout(this.#timer);
    this.connection.close();
  }

  #found(candidate) {
    // Null or empty marks the end of the list, which the protocol has no word for.
    if (!candidate?.candidate) return;
    if (this.#unsent) {
      this.#unsent.push(candidate);
      return;
    }
    this.dispatchEvent(new CustomEvent('candidate', { detail: candidate.toJSON() }));
  }

  #changed() {
    clearTimeout(this.#timer);
    this.dispatchEvent(new Event('state'));
    if (this.state === 'failed') this.#weak();
    if (this.state === 'disconnected') this.#timer = setTimeout(() => this.#weak(), UNSTABLE_MS);
  }

  #weak() {
    this.dispatchEvent(new Event('weak'));
  }

  async #add(candidate) {
    try {
      await this.connection.addIceCandidate(candidate);
    } catch (error) {
      // One unusable address does not end a connection: others may do.
      console.warn('keel: a candidate of the server was not usable', error);
    }
  }
}
