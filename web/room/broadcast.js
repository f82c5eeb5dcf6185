/**
 * What we send into the room: keeps our published tracks as the equipment and the user want them.
 *
 * Events: `change` (any getter may differ); `notice` (`detail`: a sentence for the user).
 */
export class Broadcast extends EventTarget {
  #room;
  #equipment;
  /** By source, what is published or being published. */
  #published = new Map();
  /** One change after the other, so that a quick second press finds the first one done. */
  #work = Promise.resolve();
  #isEnded = false;
  #onTrack = ({ detail: kind }) => this.#follow(kind);
  #onChange = () => this.#follow('audio');
  #onState = ({ detail: { state } }) => state === 'connected' && this.#followAll();

  /**
   * @param {import('../client/index.js').Room} room
   * @param {import('../equipment/equipment.js').Equipment} equipment
   */
  constructor(room, equipment) {
    super();
    this.#room = room;
    this.#equipment = equipment;
    equipment.addEventListener('track', this.#onTrack);
    equipment.addEventListener('change', this.#onChange);
    room.addEventListener('localtrackmuted', ({ detail }) => this.#muted(detail));
    room.addEventListener('state', this.#onState);
    this.#followAll();
  }

  /** Whether our screen is shared. */
  get isSharing() {
    return this.#published.has('screen');
  }

  /** What our screen shows, while it is shared. @returns {MediaStreamTrack | null} */
  get screen() {
    return this.#published.get('screen')?.mediaTrack ?? null;
  }

  /** Asks the user for a screen or window and shares it. */
  async share() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    } catch (error) {
      // The user changed their mind, which needs no word.
      if (error.name !== 'NotAllowedError') this.#notice('This browser could not share the screen.');
      return;
    }
    const [picture] = stream.getVideoTracks();
    const [sound] = stream.getAudioTracks();
    picture.contentHint = 'detail';
    // The browser has a button of its own for this.
    picture.addEventListener('ended', () => this.unshare());
    await this.#do(() => Promise.all([
      this.#publish('screen', picture),
      ...(sound ? [this.#publish('screenAudio', sound)] : []),
    ]));
  }

  /** Stops sharing the screen. */
  async unshare() {
    await this.#do(async () => {
      for (const source of ['screen', 'screenAudio']) {
        const track = this.#published.get(source);
        this.#published.delete(source);
        track?.mediaTrack?.stop();
        await track?.stop();
      }
    });
  }

  /** Lets go of the equipment and of the screen. */
  end() {
    this.#isEnded = true;
    this.#equipment.removeEventListener('track', this.#onTrack);
    this.#equipment.removeEventListener('change', this.#onChange);
    this.#room.removeEventListener('state', this.#onState);
    for (const source of ['screen', 'screenAudio']) this.#published.get(source)?.mediaTrack?.stop();
  }

  /** Also after a lost connection: what could not be published then is now. */
  #followAll() {
    this.#follow('audio', 'video');
  }

  #follow(...kinds) {
    this.#do(() => Promise.all(kinds.map((kind) => this.#agree(kind))));
  }

  /** Publishes a device, replaces it, or mutes it, whatever it takes to agree with the equipment. */
  async #agree(kind) {
    const source = kind === 'audio' ? 'microphone' : 'camera';
    const mediaTrack = this.#equipment.track(kind);
    const muted = !this.#equipment.isOn(kind) || mediaTrack === null;
    const track = this.#published.get(source);
    if (!track) {
      if (mediaTrack) await this.#publish(source, mediaTrack, muted);
      return;
    }
    if (track.mediaTrack !== mediaTrack) await track.replace(mediaTrack);
    if (track.muted !== muted) await track.mute(muted);
  }

  async #publish(source, mediaTrack, muted = false) {
    try {
      this.#published.set(source, await this.#room.publish(mediaTrack, { source, muted }));
    } catch (error) {
      if (source === 'screen' || source === 'screenAudio') mediaTrack.stop();
      throw error;
    }
  }

  #muted({ track, byModerator }) {
    if (track.source === 'microphone' || track.source === 'camera') this.#equipment.switch(track.kind, !track.muted);
    if (byModerator && track.muted) this.#notice(`A moderator has muted your ${WORDS[track.source]}.`);
  }

  #do(work) {
    this.#work = this.#work.then(work).catch((error) => this.#failed(error)).finally(() => this.dispatchEvent(new Event('change')));
    return this.#work;
  }

  #failed(error) {
    // After a lost connection the client says again what is published and muted.
    if (this.#isEnded || error.code === 'disconnected' || error.code === 'closed') return;
    console.warn('keel: what is sent could not be changed', error);
    this.#notice(`The others may not see or hear you: ${error.message}`);
  }

  #notice(text) {
    this.dispatchEvent(new CustomEvent('notice', { detail: text }));
  }
}

/** Text needs sharpness, not thirty frames a second; sound comes along where the browser offers it. */
const SCREEN = { video: { frameRate: { ideal: 15, max: 30 } }, audio: true };
const WORDS = { microphone: 'microphone', camera: 'camera', screen: 'screen', screenAudio: "screen's sound" };
