import { capture, captureOne } from '../devices.js';

/**
 * Camera and microphone of this page, without any DOM: which are chosen, which are on, what they deliver.
 *
 * A microphone that is off stays open and silent, so that it is on again at once; a camera that is off is given back,
 * and its light goes out.
 *
 * Events: `change` (any getter may differ); `track` (`detail`: the kind whose track is another one now).
 */
export class Equipment extends EventTarget {
  #constraints;
  #tracks = { audio: null, video: null };
  #chosen = { audio: null, video: null };
  #on = { audio: true, video: true };
  #problems = { audio: null, video: null };
  #available = [];
  /** Counts what was asked of each device: an answer that comes late is not wanted any more. */
  #asked = { audio: 0, video: 0 };
  #onDevices = () => this.#look();

  /** @param {MediaTrackConstraints | false} video what to ask the camera for; `false` for no camera at all */
  constructor(video) {
    super();
    this.#constraints = { audio: true, video };
    this.#on.video = video !== false;
  }

  /** Asks for both at once, so that the user is asked once. */
  async open() {
    navigator.mediaDevices?.addEventListener('devicechange', this.#onDevices);
    const { stream, problem } = await capture(this.#constraints.video);
    for (const kind of KINDS) {
      const track = stream?.getTracks().find((candidate) => candidate.kind === kind) ?? null;
      const isWanted = kind === 'audio' || this.#constraints.video !== false;
      this.#problems[kind] = track || !isWanted ? null : problem;
      if (!track) this.#on[kind] = false;
      this.#take(kind, track);
    }
    await this.#look();
  }

  /** @returns {MediaStreamTrack | null} what a device delivers; `null` while it is off or missing */
  track(kind) {
    return this.#tracks[kind];
  }

  /** Whether it is on, or being started. */
  isOn(kind) {
    return this.#on[kind];
  }

  /** Why a device delivers nothing although it should, for the user; `null` otherwise. */
  problem(kind) {
    return this.#problems[kind];
  }

  /** Whether there is any use in a button for it. */
  isPossible(kind) {
    return this.#constraints[kind] !== false;
  }

  /** @returns {{id: string, label: string, isChosen: boolean}[]} what can be chosen */
  choices(kind) {
    const devices = this.#available.filter((device) => device.kind === `${kind}input` && device.deviceId);
    const current = this.#tracks[kind]?.getSettings().deviceId ?? this.#chosen[kind];
    return devices.map(({ deviceId, label }, index) => ({
      id: deviceId,
      label: label || `${kind === 'audio' ? 'Microphone' : 'Camera'} ${index + 1}`,
      isChosen: deviceId === current,
    }));
  }

  /** Takes another device of the same kind. */
  async choose(kind, deviceId) {
    this.#chosen[kind] = deviceId;
    if (this.#on[kind] || kind === 'audio') await this.#start(kind);
  }

  /** Switches a device on or off. Whether it came on shows in `isOn` and `problem`. */
  async switch(kind, on) {
    if (!this.isPossible(kind)) return;
    this.#on[kind] = on;
    if (on && !this.#tracks[kind]) {
      this.#changed();
      await this.#start(kind);
      return;
    }
    if (!on && kind === 'video') {
      this.#asked.video += 1;
      this.#take('video', null);
    }
    const track = this.#tracks[kind];
    if (track) track.enabled = on;
    this.#changed();
  }

  /** Gives both devices back. */
  close() {
    navigator.mediaDevices?.removeEventListener('devicechange', this.#onDevices);
    for (const kind of KINDS) {
      this.#asked[kind] += 1;
      this.#take(kind, null);
    }
  }

  async #start(kind) {
    this.#asked[kind] += 1;
    const asked = this.#asked[kind];
    const { track, problem } = await captureOne(kind, this.#constraintsOf(kind));
    if (asked !== this.#asked[kind]) {
      track?.stop();
      return;
    }
    this.#problems[kind] = problem;
    if (track) track.enabled = this.#on[kind];
    if (track || !this.#tracks[kind]) this.#take(kind, track);
    if (!this.#tracks[kind]) this.#on[kind] = false;
    await this.#look();
  }

  #constraintsOf(kind) {
    const usual = this.#constraints[kind];
    const deviceId = this.#chosen[kind];
    if (!deviceId) return usual;
    return { ...(usual === true ? {} : usual), deviceId: { exact: deviceId } };
  }

  #take(kind, track) {
    const before = this.#tracks[kind];
    if (before === track) return;
    before?.stop();
    this.#tracks[kind] = track;
    // Unplugged, or taken away by the user or the system.
    track?.addEventListener('ended', () => this.#ended(kind, track));
    this.dispatchEvent(new CustomEvent('track', { detail: kind }));
    this.#changed();
  }

  #ended(kind, track) {
    if (this.#tracks[kind] !== track) return;
    this.#on[kind] = false;
    this.#problems[kind] = kind === 'audio' ? 'The microphone has gone.' : 'The camera has gone.';
    this.#take(kind, null);
  }

  async #look() {
    this.#available = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

const KINDS = ['audio', 'video'];
