import { activate, degradation } from './encodings.js';

/** One of our own tracks, from `Room.publish` until `stop`. */
export class LocalTrack {
  #actions;
  #mediaTrack;
  #muted;
  #changes = Promise.resolve();

  /**
   * @param {MediaStreamTrack} mediaTrack
   * @param {'microphone' | 'camera' | 'screen' | 'screenAudio'} source
   * @param {boolean} muted
   * @param {{mute: (track: LocalTrack) => Promise<void>, stop: (track: LocalTrack) => Promise<void>}} actions
   */
  constructor(mediaTrack, source, muted, actions) {
    this.#mediaTrack = mediaTrack;
    this.#muted = muted;
    this.#actions = actions;
    /** What the server calls it; `null` until it has said so, and after a new beginning. */
    this.id = null;
    /** What it is a picture or the sound of. */
    this.source = source;
    /** @type {'audio' | 'video'} */
    this.kind = mediaTrack.kind;
    /** What sends it; `null` while nothing does. */
    this.transceiver = null;
    mediaTrack.enabled = !muted;
  }

  /** What is sent; `null` while a device is off. */
  get mediaTrack() {
    return this.#mediaTrack;
  }

  /** Whether nothing is to be heard or seen of it. */
  get muted() {
    return this.#muted;
  }

  /** Mutes it, or sends again. It is silent at once; the others are told when the server can be reached. */
  async mute(muted) {
    this.muteLocally(muted);
    await this.#actions.mute(this);
  }

  /** As `mute`, when it was the server that said so. */
  muteLocally(muted) {
    this.#muted = muted;
    if (this.#mediaTrack) this.#mediaTrack.enabled = !muted;
  }

  /**
   * Sends something else instead, such as another camera; nothing, while the device is switched off.
   *
   * @param {MediaStreamTrack | null} mediaTrack of the same kind
   */
  async replace(mediaTrack) {
    this.#mediaTrack = mediaTrack;
    if (mediaTrack) mediaTrack.enabled = !this.#muted;
    await this.transceiver?.sender.replaceTrack(mediaTrack);
  }

  /** Ends it for everybody. The device is the caller's and goes on. */
  async stop() {
    await this.#actions.stop(this);
  }

  /** Says what to give up first on a slow path. Not every browser lets itself be told. */
  prefer() {
    return this.#change((parameters) => {
      parameters.degradationPreference = degradation(this.source);
      return true;
    });
  }

  /** @param {string[]} rids the encodings that somebody watches */
  activate(rids) {
    return this.#change(({ encodings }) => activate(encodings, rids));
  }

  /** One change after the other: a sender takes back only the parameters that it gave last. */
  #change(edit) {
    this.#changes = this.#changes.then(async () => {
      const sender = this.transceiver?.sender;
      const parameters = sender?.getParameters();
      if (!parameters?.encodings?.length || !edit(parameters)) return;
      try {
        await sender.setParameters(parameters);
      } catch (error) {
        console.warn('keel: the browser did not take the parameters of a sender', error);
      }
    });
    return this.#changes;
  }
}
