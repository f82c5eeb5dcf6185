/**
 * One call's peer connection: our offer, the server's answer, and candidates both ways in the order they must have.
 *
 * Events: `candidate` (`detail`: `{candidate, sdpMid, sdpMLineIndex}`, never before `offerSent`);
 * `media` (`remoteStream` got a track); `state` (`state` changed).
 */
export class Call extends EventTarget {
  /** What comes from the other side; tracks are added to it as they arrive. */
  remoteStream = new MediaStream();
  #connection;
  /** Candidates found before the offer was sent; `null` once they flow freely. */
  #unsentCandidates = [];
  /** Candidates received before the answer was set; `null` once they are added at once. */
  #earlyCandidates = [];

  /** @param {RTCIceServer[]} iceServers */
  constructor(iceServers) {
    super();
    this.#connection = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    this.#connection.addEventListener('icecandidate', ({ candidate }) => this.#found(candidate));
    this.#connection.addEventListener('track', ({ track }) => this.#arrived(track));
    this.#connection.addEventListener('connectionstatechange', () => this.dispatchEvent(new Event('state')));
  }

  /** @returns {RTCPeerConnectionState} */
  get state() {
    return this.#connection.connectionState;
  }

  /**
   * @param {MediaStream | null} local what to send; a kind that it lacks is only received
   * @returns {Promise<string>} the SDP offer
   */
  async offer(local) {
    for (const kind of ['audio', 'video']) {
      const track = local?.getTracks().find((candidate) => candidate.kind === kind);
      if (track) this.#connection.addTrack(track, local);
      else this.#connection.addTransceiver(kind, { direction: 'recvonly' });
    }
    await this.#connection.setLocalDescription();
    return this.#connection.localDescription.sdp;
  }

  /** The offer has been sent. Until then the server knows of no call that a candidate could belong to. */
  offerSent() {
    const candidates = this.#unsentCandidates ?? [];
    this.#unsentCandidates = null;
    for (const candidate of candidates) this.#found(candidate);
  }

  /**
   * @param {string} sdp the server's answer
   * @throws {DOMException} if the browser cannot use it
   */
  async answer(sdp) {
    await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    const candidates = this.#earlyCandidates ?? [];
    this.#earlyCandidates = null;
    for (const candidate of candidates) await this.#add(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate one of the server's; may come before its answer */
  async addCandidate(candidate) {
    if (!this.#earlyCandidates) return this.#add(candidate);
    // A server has a handful of addresses; more than this is not one of ours.
    if (this.#earlyCandidates.length < EARLY_CANDIDATES_MAX) this.#earlyCandidates.push(candidate);
  }

  /** @returns {Promise<RTCStatsReport>} */
  statistics() {
    return this.#connection.getStats();
  }

  /** Ends the connection; the server notices at once. */
  close() {
    this.#connection.close();
  }

  #found(candidate) {
    // Null or empty marks the end of the list, which the call protocol has no word for.
    if (!candidate?.candidate) return;
    if (this.#unsentCandidates) {
      this.#unsentCandidates.push(candidate);
      return;
    }
    const { candidate: line, sdpMid, sdpMLineIndex } = candidate;
    this.dispatchEvent(new CustomEvent('candidate', { detail: { candidate: line, sdpMid, sdpMLineIndex } }));
  }

  #arrived(track) {
    this.remoteStream.addTrack(track);
    this.dispatchEvent(new Event('media'));
  }

  async #add(candidate) {
    try {
      await this.#connection.addIceCandidate(candidate);
    } catch (error) {
      // One unusable address does not end a call: others may do.
      console.warn('keel: a candidate of the server was not usable', error);
    }
  }
}

const EARLY_CANDIDATES_MAX = 64;
