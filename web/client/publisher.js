import { sendEncodings } from './encodings.js';
import { KeelError } from './error.js';
import { LocalTrack } from './local-track.js';
import { tuneOpus } from './opus.js';
import { Peer } from './peer.js';

/**
 * The connection that carries what we send. We make each of its offers; what changes while one is unanswered goes into
 * the next.
 *
 * Events: `candidate` and `weak` as of `Peer`.
 */
export class Publisher extends EventTarget {
  #ask;
  #peer = null;
  #tracks = new Set();
  #person = new MediaStream();
  #screen = new MediaStream();
  /** Transceivers that carry nothing, by source: used again, so that descriptions do not grow. */
  #idle = new Map();
  #changed = false;
  #restarts = false;
  /** The negotiation that is going on, and whatever follows from it. */
  #running = null;

  /** @param {(message: object) => Promise<object>} ask sends a request to the server */
  constructor(ask) {
    super();
    this.#ask = ask;
  }

  /** What is published, or being published. */
  get tracks() {
    return [...this.#tracks];
  }

  /** @returns {RTCPeerConnectionState | null} `null` while nothing was ever published */
  get state() {
    return this.#peer?.state ?? null;
  }

  /** @returns {RTCPeerConnection | null} */
  get connection() {
    return this.#peer?.connection ?? null;
  }

  /**
   * Makes a new connection for whatever is published, as a participant that the server does not know yet.
   *
   * @param {RTCIceServer[]} iceServers
   */
  begin(iceServers) {
    this.end();
    const peer = new Peer(iceServers);
    this.#peer = peer;
    for (const kind of ['candidate', 'weak']) {
      peer.addEventListener(kind, ({ detail }) => this.dispatchEvent(new CustomEvent(kind, { detail })));
    }
    for (const track of this.#tracks) {
      track.id = null;
      this.#carry(track);
    }
  }

  /** Negotiates what is published, anew where that was interrupted. Nothing happens where there is nothing. */
  async resume({ restartIce = false } = {}) {
    if (this.#tracks.size > 0) await this.#negotiate(restartIce);
  }

  /**
   * @param {MediaStreamTrack} mediaTrack
   * @param {{source: 'microphone' | 'camera' | 'screen' | 'screenAudio', muted?: boolean}} options
   * @returns {Promise<LocalTrack>} once the server has accepted it
   */
  async publish(mediaTrack, { source, muted = false }) {
    const track = new LocalTrack(mediaTrack, source, muted, {
      mute: (changed) => this.#mute(changed),
      stop: (ended) => this.#stop(ended),
    });
    this.#tracks.add(track);
    this.#carry(track);
    try {
      await this.#negotiate(false);
    } catch (error) {
      this.#drop(track);
      throw error;
    }
    if (track.id === null) throw new KeelError('negotiation', 'The server did not take this track.');
    return track;
  }

  /** Looks for another way to the server. */
  async restartIce() {
    await this.resume({ restartIce: true });
  }

  /** The server's word on which encodings somebody watches. */
  async activate(trackId, rids) {
    await this.find(trackId)?.activate(rids);
  }

  /** @returns {LocalTrack | undefined} */
  find(trackId) {
    return this.tracks.find(({ id }) => id === trackId);
  }

  /** @param {RTCIceCandidateInit} candidate */
  async addCandidate(candidate) {
    await this.#peer?.addCandidate(candidate);
  }

  /** Closes the connection; what is published is remembered for `begin`. */
  end() {
    this.#peer?.close();
    this.#peer = null;
    this.#idle.clear();
    for (const track of this.#tracks) track.transceiver = null;
  }

  /** Gives a track a transceiver: one that carried the like before, or a new one. */
  #carry(track) {
    const { mediaTrack, source, kind } = track;
    const idle = this.#idle.get(source)?.pop();
    if (idle) {
      idle.direction = 'sendonly';
      track.transceiver = idle;
      track.replace(mediaTrack);
      return;
    }
    const height = mediaTrack?.getSettings?.().height ?? 0;
    track.transceiver = this.#peer.connection.addTransceiver(mediaTrack ?? kind, {
      direction: 'sendonly',
      streams: [this.#stream(source)],
      sendEncodings: sendEncodings(source, height),
    });
  }

  /** Sound and picture that belong together have one stream, and so arrive in step. */
  #stream(source) {
    return source === 'screen' || source === 'screenAudio' ? this.#screen : this.#person;
  }

  async #mute(track) {
    if (track.id !== null) await this.#ask({ id: 'mute', track: track.id, muted: track.muted });
  }

  async #stop(track) {
    if (!this.#tracks.has(track)) return;
    this.#drop(track);
    if (this.#peer) await this.#negotiate(false);
  }

  #drop(track) {
    this.#tracks.delete(track);
    const { transceiver, source } = track;
    track.transceiver = null;
    track.id = null;
    if (!transceiver) return;
    transceiver.direction = 'inactive';
    transceiver.sender.replaceTrack(null);
    this.#idle.set(source, [...(this.#idle.get(source) ?? []), transceiver]);
  }

  /** One negotiation at a time. Whoever asks meanwhile waits for the one that carries the change. */
  #negotiate(restartIce) {
    this.#changed = true;
    this.#restarts ||= restartIce;
    this.#running ??= this.#settle().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #settle() {
    await null; // what is published in the same breath goes into the same offer
    while (this.#changed) {
      const peer = this.#peer;
      if (!peer) throw new KeelError('closed', 'The room was left.');
      this.#changed = false;
      if (this.#restarts) peer.connection.restartIce();
      this.#restarts = false;
      try {
        await this.#exchange(peer);
      } catch (error) {
        await rollBack(peer.connection);
        // A new connection came meanwhile: what failed was about the old one.
        if (peer === this.#peer || !this.#peer) throw error;
      }
    }
  }

  async #exchange(peer) {
    const { connection } = peer;
    await connection.setLocalDescription();
    const described = this.tracks.filter(({ transceiver }) => transceiver?.mid);
    const tracks = described.map(describe);
    const reply = this.#ask({ id: 'publish', sdpOffer: connection.localDescription.sdp, tracks });
    peer.sent();
    const { sdpAnswer, tracks: accepted } = await reply;
    const stereo = new Set(tracks.filter(({ source }) => source === 'screenAudio').map(({ mid }) => mid));
    try {
      await connection.setRemoteDescription({ type: 'answer', sdp: tuneOpus(sdpAnswer, stereo) });
    } catch (cause) {
      throw new KeelError('negotiation', 'This browser cannot use what the server answered.', { cause });
    }
    const idsByMid = new Map(accepted.map(({ mid, track }) => [mid, track]));
    for (const track of described) {
      if (!track.transceiver) continue; // it was stopped meanwhile
      if (track.id === null) track.prefer();
      track.id = idsByMid.get(track.transceiver.mid) ?? null;
    }
    await peer.described();
  }
}

function describe({ transceiver, source, muted, kind, mediaTrack }) {
  const line = { mid: transceiver.mid, source, muted };
  if (kind !== 'video' || !mediaTrack) return line;
  const { width, height } = mediaTrack.getSettings();
  return width && height ? { ...line, width, height } : line;
}

/** Back to what both sides last agreed on; a connection that was closed meanwhile has nothing to go back to. */
async function rollBack(connection) {
  if (connection.signalingState !== 'have-local-offer') return;
  await connection.setLocalDescription({ type: 'rollback' });
}
