import { Backoff } from '../client/backoff.js';
import { fetchStatus, isAboutToken } from '../live/request.js';
import { publish } from '../live/whip.js';
import { asSentence } from '../sentence.js';

/**
 * One stream that this page presents, without any DOM.
 *
 * | phase | meaning | leaves by |
 * | --- | --- | --- |
 * | `preparing` | camera and microphone are looked at | `start` |
 * | `starting` | the server was asked | its answer, the connection |
 * | `live` | viewers see it | `end`, the server, the network |
 * | `returning` | the connection is lost, and begun again and again | success, `end`, the server |
 * | `over` | it has ended; `farewell` says why | `prepare` |
 *
 * Events: `change` (any getter may differ); `notice` (`detail`: a sentence for the user).
 */
export class Show extends EventTarget {
  #equipment;
  #iceServers;
  #backoff = new Backoff();
  #phase = 'preparing';
  #name;
  #token;
  #screen = null;
  #publication = null;
  /** Counts beginnings: what an earlier one brings late is not wanted any more. */
  #beginning = 0;
  #since = null;
  #refusal = null;
  #asksForToken = false;
  #farewell = null;

  /**
   * @param {{name: string, token: string | null, iceServers: (token: string | null) => Promise<RTCIceServer[]>}} settings
   * @param {import('../equipment/equipment.js').Equipment} equipment
   */
  constructor({ name, token, iceServers }, equipment) {
    super();
    this.#name = name;
    this.#token = token;
    this.#iceServers = iceServers;
    this.#equipment = equipment;
    equipment.addEventListener('track', ({ detail: kind }) => this.#replace(kind));
  }

  /** One of the phases of the table above. */
  get phase() {
    return this.#phase;
  }

  /** What the stream is called. */
  get name() {
    return this.#name;
  }

  /** What is shown to the server; `null`: nothing. */
  get token() {
    return this.#token;
  }

  /** The connection to the server, while there is one. @returns {import('../live/whip.js').Publication | null} */
  get publication() {
    return this.#publication;
  }

  /** When viewers could see it first, by `performance.now`; `null` before. */
  get since() {
    return this.#since;
  }

  /** Why it could not begin; `null` if nothing was refused. */
  get refusal() {
    return this.#refusal;
  }

  /** Whether the server has asked for a token, or for another one. */
  get asksForToken() {
    return this.#asksForToken;
  }

  /** How it ended, as a heading and a sentence; `null` before. */
  get farewell() {
    return this.#farewell;
  }

  /** Whether a screen is shown in the place of the camera. */
  get isSharing() {
    return this.#screen !== null;
  }

  /** What viewers see. @returns {MediaStreamTrack | null} */
  get picture() {
    return this.#screen ?? this.#equipment.track('video');
  }

  /** Whether viewers see it, or will again. */
  get isOn() {
    return this.#phase === 'live' || this.#phase === 'returning';
  }

  /** The server wants a token: the page has none, or the server has said so. */
  demandToken() {
    this.#asksForToken = true;
    this.#changed();
  }

  /** Begins. The outcome shows in `phase` and `refusal`. */
  async start(name, token) {
    if (this.#phase !== 'preparing') return;
    this.#name = name;
    this.#token = token;
    this.#refusal = null;
    this.#since = null;
    this.#move('starting');
    await this.#begin();
  }

  /** Ends it for everybody. */
  async end() {
    if (!this.isOn && this.#phase !== 'starting') return;
    this.#close(FAREWELLS.own);
    await this.#leave();
  }

  /** After the end, back to where it can begin again. */
  async prepare() {
    this.#farewell = null;
    this.#move('preparing');
    await this.#equipment.open();
  }

  /** Asks the user for a screen or window and shows it instead of the camera. */
  async share() {
    let stream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(SCREEN);
    } catch (error) {
      // The user changed their mind, which needs no word.
      if (error.name !== 'NotAllowedError') this.tell('This browser could not share the screen.');
      return;
    }
    this.unshare();
    [this.#screen] = stream.getVideoTracks();
    this.#screen.contentHint = 'detail';
    // The browser has a button of its own for this.
    this.#screen.addEventListener('ended', () => this.unshare());
    await this.#replace('video');
  }

  /** Shows the camera again. */
  unshare() {
    this.#screen?.stop();
    if (!this.#screen) return;
    this.#screen = null;
    this.#replace('video');
  }

  /** Tells the user something. */
  tell(text) {
    this.dispatchEvent(new CustomEvent('notice', { detail: text }));
  }

  async #begin() {
    this.#beginning += 1;
    const beginning = this.#beginning;
    try {
      const iceServers = await this.#iceServers(this.#token);
      const publication = await publish(this.#media(), `/whip/${encodeURIComponent(this.#name)}`, this.#token, iceServers);
      if (beginning !== this.#beginning) {
        await publication.end();
        return;
      }
      this.#publication = publication;
      publication.addEventListener('state', ({ detail }) => this.#follow(publication, detail));
      // It may have connected before its candidates were sent.
      this.#follow(publication, publication.state);
      // What changed while the server was asked.
      await Promise.all(['audio', 'video'].map((kind) => this.#replace(kind)));
    } catch (error) {
      if (beginning === this.#beginning) this.#refused(error);
    }
  }

  #follow(publication, state) {
    if (publication !== this.#publication) return;
    if (state === 'live') {
      this.#backoff.reset();
      this.#since ??= performance.now();
      this.#asksForToken = false;
      this.#move('live');
    } else if (state === 'interrupted') {
      if (this.#phase === 'live') this.#move('returning');
    } else if (state === 'ended') {
      this.#publication = null;
      this.#lost(publication.ending);
    }
  }

  /** The session has ended although nobody here wanted it. */
  async #lost(ending) {
    if (this.#phase === 'starting') {
      this.#refuse('No media connection came about: a firewall may block UDP to this server.');
      return;
    }
    if (!this.isOn) return;
    this.#move('returning');
    // Who was let go must know why before they come back: otherwise two pages would replace each other for ever.
    const farewell = ending === 'gone' ? await this.#farewellOf(this.#beginning) : null;
    if (!this.isOn) return;
    if (farewell) this.#close(farewell);
    else this.#tryAgain();
  }

  /** @returns {Promise<{title: string, text: string} | null>} `null`: the place is free, or nobody answers */
  async #farewellOf(beginning) {
    try {
      const status = await fetchStatus(this.#name, this.#token);
      if (beginning !== this.#beginning) return null;
      if (status?.state === 'live') return FAREWELLS.replaced;
      return status?.state === 'interrupted' ? null : FAREWELLS.ended;
    } catch {
      return null;
    }
  }

  #tryAgain() {
    this.#beginning += 1;
    const beginning = this.#beginning;
    setTimeout(() => {
      if (beginning === this.#beginning) this.#begin();
    }, this.#backoff.next());
  }

  #refused(error) {
    if (isAboutToken(error)) this.#asksForToken = true;
    const text = REFUSALS[error.code] ?? (error.status ? asSentence(error.message) : REFUSALS.unreachable);
    if (this.#phase === 'starting') this.#refuse(text);
    else if (TRANSIENT.includes(error.status ?? 0) || error.code === 'busy') this.#tryAgain();
    else this.#close({ title: 'You could not come back', text });
  }

  #refuse(text) {
    this.#refusal = text;
    this.#move('preparing');
  }

  /** The end, with its reason; devices are given back. */
  #close(farewell) {
    this.#beginning += 1;
    this.#farewell = farewell;
    this.#screen?.stop();
    this.#screen = null;
    this.#equipment.close();
    this.#move('over');
  }

  async #leave() {
    const publication = this.#publication;
    this.#publication = null;
    await publication?.end();
  }

  #media() {
    const tracks = [this.#equipment.track('audio'), this.picture];
    return new MediaStream(tracks.filter(Boolean));
  }

  async #replace(kind) {
    this.#changed();
    const track = kind === 'audio' ? this.#equipment.track('audio') : this.picture;
    const source = kind === 'video' && this.#screen ? 'screen' : 'camera';
    try {
      await this.#publication?.replace(kind, track, source);
    } catch (error) {
      if (this.#publication) console.warn('keel: what is sent could not be changed', error); // it has ended otherwise
    }
  }

  #move(phase) {
    this.#phase = phase;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** Text needs sharpness, not thirty frames a second. */
const SCREEN = { video: { frameRate: { ideal: 15, max: 30 } } };

/** The network or the server may be there again in a moment. */
const TRANSIENT = [0, 429, 503];

const REFUSALS = {
  stream_taken: 'Somebody presents a stream of this name. Choose another one.',
  stream_name_invalid: 'A name has up to 64 letters, digits and the signs - . _ ~',
  access_token_missing: 'This server asks for an access token.',
  access_token_wrong: 'The server does not know this access token.',
  unreachable: 'The server cannot be reached.',
};

const FAREWELLS = {
  own: { title: 'Your stream has ended', text: 'Viewers have been told.' },
  ended: { title: 'The stream was ended', text: 'The server does not have it any more: whoever runs it has ended it, or you were away for too long.' },
  replaced: { title: 'Somebody else presents now', text: 'The same stream was begun in another place, perhaps by you in another tab. Viewers see that one.' },
};
