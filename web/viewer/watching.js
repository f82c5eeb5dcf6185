import { Backoff } from '../client/backoff.js';
import { fetchStatus, isAboutToken } from '../live/request.js';
import { play } from '../live/whep.js';
import { asSentence } from '../sentence.js';
import { Statistics } from '../statistics.js';

/** The connection is measured as often as anybody can read it. */
const MEASURED_MS = 1000;
/** Without media for so long something is the matter. */
const SILENT_MS = 3000;
/** The server is asked at most so often what that is: thousands may watch. */
const ASKED_MS = 10_000;
/** How often it is asked who else watches, and in which sizes. */
const AUDIENCE_MS = 30_000;

/**
 * One stream that this page watches, without any DOM.
 *
 * | phase | meaning |
 * | --- | --- |
 * | `joining` | the server was asked |
 * | `waiting` | the stream has not begun, or has ended and may begin again |
 * | `playing` | media arrives |
 * | `away` | its presenter has lost the connection and may come back |
 * | `quiet` | its presenter is there and sends nothing |
 * | `returning` | this page has lost its connection, and begins again and again |
 * | `over` | it has ended; `join` watches again |
 * | `refused` | `refusal` says why; `join`, perhaps with a token, tries again |
 *
 * Events: `change` (any getter may differ); `reading` (`detail`: of `Statistics`, once a second while connected).
 */
export class Watching extends EventTarget {
  #name;
  #token;
  #iceServers;
  #backoff = new Backoff();
  #phase = 'joining';
  #playback = null;
  /** Counts visits of the server: what an earlier one brings late is not wanted any more. */
  #visit = 0;
  #measuring = null;
  #flow = null;
  #askedAt = -Infinity;
  #audienceAt = -Infinity;
  #refusal = null;
  #asksForToken = false;
  #viewers = null;
  #sizes = 1;
  #limit = null;
  #hasPlayed = false;

  /** @param {{name: string, token: string | null, iceServers: (token: string | null) => Promise<RTCIceServer[]>}} settings */
  constructor({ name, token, iceServers }) {
    super();
    this.#name = name;
    this.#token = token;
    this.#iceServers = iceServers;
  }

  /** One of the phases of the table above. */
  get phase() {
    return this.#phase;
  }

  /** What the stream is called. */
  get name() {
    return this.#name;
  }

  /** For a video element; `null` before the server has answered. @returns {MediaStream | null} */
  get media() {
    return this.#playback?.stream ?? null;
  }

  /** Why it cannot be watched. */
  get refusal() {
    return this.#refusal;
  }

  /** Whether the server wants a token, or another one. */
  get asksForToken() {
    return this.#asksForToken;
  }

  /** How many watch; `null` while it is not known. */
  get viewers() {
    return this.#viewers;
  }

  /** In how many sizes the picture is sent. */
  get sizes() {
    return this.#sizes;
  }

  /** The greatest size that is wanted, from 0, the least; `null`: what the network carries. */
  get limit() {
    return this.#limit;
  }

  /** Whether it has played since the page was opened. */
  get hasPlayed() {
    return this.#hasPlayed;
  }

  /** Watches, from now on with another token where one is given. */
  async join(token = this.#token) {
    this.#token = token;
    this.#refusal = null;
    this.#asksForToken = false;
    this.#move('joining');
    await this.#begin();
  }

  /** Leaves the stream, as when the page is closed. */
  leave() {
    this.#visit += 1;
    this.#stopMeasuring();
    const playback = this.#playback;
    this.#playback = null;
    playback?.end();
  }

  /** Wants no more than this size. @param {number | null} spatial */
  async wantAtMost(spatial) {
    this.#limit = spatial;
    this.#changed();
    await this.#tellLimit();
  }

  async #begin() {
    this.#visit += 1;
    const visit = this.#visit;
    try {
      const iceServers = await this.#iceServers(this.#token);
      const playback = await play(`/whep/${encodeURIComponent(this.#name)}`, this.#token, iceServers);
      if (visit !== this.#visit) {
        await playback.end();
        return;
      }
      this.#playback = playback;
      playback.addEventListener('state', ({ detail }) => this.#follow(playback, detail));
      this.#changed();
      // It may have connected before its candidates were sent.
      this.#follow(playback, playback.state);
    } catch (error) {
      if (visit === this.#visit) this.#refused(error);
    }
  }

  #follow(playback, state) {
    if (playback !== this.#playback) return;
    if (state === 'live') {
      this.#backoff.reset();
      this.#measure(playback);
      if (this.#limit !== null) this.#tellLimit();
    } else if (state === 'interrupted') {
      this.#stopMeasuring();
      this.#move('returning');
    } else if (state === 'ended') {
      this.#playback = null;
      this.#stopMeasuring();
      this.#lost(playback.ending);
    }
  }

  /** The session has ended although nobody here wanted it. */
  async #lost(ending) {
    const visit = this.#visit;
    // An unreachable server is no answer: it is asked again by beginning again.
    const status = ending === 'gone' ? await fetchStatus(this.#name, this.#token).catch(() => ({})) : {};
    if (visit !== this.#visit) return;
    if (status === null) this.#move('over');
    else this.#tryAgain('returning', this.#backoff.next());
  }

  #refused(error) {
    const { status = 0, code, retryAfter } = error;
    if (retryAfter > 0 && (status === 404 || status === 409)) {
      this.#tryAgain('waiting', 1000 * Math.min(retryAfter, 60));
    } else if (TRANSIENT.includes(status)) {
      this.#tryAgain('returning', this.#backoff.next());
    } else {
      this.#asksForToken = isAboutToken(error);
      this.#refusal = REFUSALS[code] ?? asSentence(error.message);
      this.#move('refused');
    }
  }

  #tryAgain(phase, afterMs) {
    this.#visit += 1;
    const visit = this.#visit;
    this.#move(phase);
    setTimeout(() => {
      if (visit === this.#visit) this.#begin();
    }, afterMs);
  }

  #measure(playback) {
    this.#stopMeasuring();
    this.#flow = { bytes: 0, at: -Infinity };
    this.#askedAt = -Infinity;
    const statistics = new Statistics();
    this.#measuring = setInterval(() => this.#sample(playback, statistics), MEASURED_MS);
    this.#sample(playback, statistics);
    // The first packets of a track show at once.
    for (const track of playback.stream.getTracks()) {
      track.addEventListener('unmute', () => this.#sample(playback, statistics));
    }
  }

  #stopMeasuring() {
    clearInterval(this.#measuring);
    this.#measuring = null;
  }

  async #sample(playback, statistics) {
    const report = await playback.connection.getStats();
    if (playback !== this.#playback || this.#measuring === null) return;
    const now = performance.now();
    const bytes = [...report.values()].reduce((sum, { type, bytesReceived = 0 }) => (type === 'inbound-rtp' ? sum + bytesReceived : sum), 0);
    if (bytes > this.#flow.bytes) {
      this.#flow = { bytes, at: now };
      this.#flows(now);
    } else if (now - this.#flow.at > SILENT_MS && now - this.#askedAt > ASKED_MS) {
      this.#askedAt = now;
      this.#explainSilence(playback);
    }
    this.dispatchEvent(new CustomEvent('reading', { detail: statistics.read(report) }));
  }

  #flows(now) {
    if (this.#phase !== 'playing') {
      this.#hasPlayed = true;
      this.#askedAt = -Infinity;
      this.#audienceAt = now - AUDIENCE_MS + SILENT_MS; // soon: by then the larger sizes have begun
      this.#move('playing');
      this.#askAudience();
    }
    if (now - this.#audienceAt < AUDIENCE_MS || document.hidden) return;
    this.#audienceAt = now;
    this.#askAudience();
  }

  async #askAudience() {
    // Without an answer what is shown stays.
    const status = await fetchStatus(this.#name, this.#token).catch(() => null);
    if (!status || this.#phase !== 'playing') return;
    this.#viewers = status.viewers;
    this.#sizes = Math.max(1, status.tracks.filter(({ kind }) => kind === 'video').length);
    this.#changed();
  }

  async #explainSilence(playback) {
    playback.look();
    const status = await fetchStatus(this.#name, this.#token).catch(() => null);
    if (playback !== this.#playback || !status || performance.now() - this.#flow.at <= SILENT_MS) return;
    this.#move({ live: 'quiet', interrupted: 'away', waiting: 'waiting' }[status.state]);
  }

  async #tellLimit() {
    const limit = this.#limit === null ? {} : { spatial: this.#limit };
    // A connection that is lost is begun again, and told again.
    await this.#playback?.limit(limit).catch(() => {});
  }

  #move(phase) {
    this.#phase = phase;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** The network or the server may be there again in a moment. */
const TRANSIENT = [0, 429, 503];

const REFUSALS = {
  stream_name_invalid: 'No stream can have this name.',
  no_common_codec: 'This browser cannot play what the presenter sends.',
  access_token_missing: 'This server asks viewers for an access token.',
  access_token_wrong: 'The server does not know this access token.',
};
