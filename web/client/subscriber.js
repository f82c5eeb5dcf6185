import { DataLink } from './data-link.js';
import { Peer } from './peer.js';

/**
 * The connection that carries what the others send. The server makes each of its offers, one at a time, and says which
 * track each line carries.
 *
 * Beside media it carries the data channel, when the server offers one because we asked for it.
 *
 * Events: `candidate` and `weak` as of `Peer`; `media` (which tracks arrive, or as what, may differ);
 * `problem` (`detail`: why an offer could not be answered).
 */
export class Subscriber extends EventTarget {
  #send;
  #peer = null;
  #mediaByTrack = new Map();
  /** The newest offer that waits while another is being answered; one before it would be out of date. */
  #next = null;
  #answering = false;

  /** Messages between the participants. */
  data = new DataLink();

  /** @param {(message: object) => Promise<object>} send answers the server */
  constructor(send) {
    super();
    this.#send = send;
  }

  /** @returns {RTCPeerConnectionState | null} `null` before the first offer */
  get state() {
    return this.#peer?.connection.remoteDescription ? this.#peer.state : null;
  }

  /** @returns {RTCPeerConnection | null} */
  get connection() {
    return this.#peer?.connection ?? null;
  }

  /** Makes a new connection. @param {RTCIceServer[]} iceServers */
  begin(iceServers) {
    this.end();
    const peer = new Peer(iceServers);
    this.#peer = peer;
    for (const kind of ['candidate', 'weak']) {
      peer.addEventListener(kind, ({ detail }) => this.dispatchEvent(new CustomEvent(kind, { detail })));
    }
  }

  /** @returns {MediaStreamTrack | null} what arrives of a track */
  media(trackId) {
    return this.#mediaByTrack.get(trackId) ?? null;
  }

  /** @param {{version: number, sdpOffer: string, tracks: {mid: string, track: string}[]}} offer the server's */
  async handleOffer(offer) {
    this.#next = offer;
    if (this.#answering) return;
    this.#answering = true;
    try {
      while (this.#next) {
        const current = this.#next;
        this.#next = null;
        await this.#answer(current);
      }
    } finally {
      this.#answering = false;
    }
  }

  /** @param {RTCIceCandidateInit} candidate */
  async addCandidate(candidate) {
    await this.#peer?.addCandidate(candidate);
  }

  /** Closes the connection. */
  end() {
    this.data.detach();
    this.#peer?.close();
    this.#peer = null;
    this.#next = null;
    this.#mediaByTrack.clear();
  }

  async #answer({ version, sdpOffer, tracks }) {
    const peer = this.#peer;
    if (!peer) return;
    const { connection } = peer;
    try {
      await connection.setRemoteDescription({ type: 'offer', sdp: sdpOffer });
      if (sdpOffer.includes('\nm=application')) this.data.attach(connection);
      await connection.setLocalDescription();
      if (peer !== this.#peer) return;
      const reply = this.#send({ id: 'answer', version, sdpAnswer: connection.localDescription.sdp });
      peer.sent();
      this.#map(connection, tracks);
      await peer.described();
      await reply;
    } catch (error) {
      // The end of the socket or of the room makes the server offer again, or nothing needed.
      if (peer === this.#peer) this.dispatchEvent(new CustomEvent('problem', { detail: error }));
    }
  }

  #map(connection, tracks) {
    const transceivers = new Map(connection.getTransceivers().map((transceiver) => [transceiver.mid, transceiver]));
    this.#mediaByTrack.clear();
    for (const { mid, track } of tracks) {
      const media = transceivers.get(mid)?.receiver.track;
      if (media) this.#mediaByTrack.set(track, media);
    }
    this.dispatchEvent(new Event('media'));
  }
}
