/**
 * What WHIP and WHEP have in common: one peer connection, offered by POST, kept by PATCH, ended by DELETE.
 *
 * Events: `state` (`detail`: `connecting`, `live`, `interrupted`, `ended`).
 */

import { request } from './request.js';

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
/** A connection that is lost is given this time to come back by itself before ICE is restarted. */
const RECOVERY_MS = 2000;
/** The server is given this time to hear of the end. */
const END_MS = 3000;

export class LiveSession extends EventTarget {
  /** @type {RTCPeerConnection} */
  connection;
  /** @type {'connecting' | 'live' | 'interrupted' | 'ended'} */
  state = 'connecting';
  /**
   * How it ended: `own` by `end`, `gone` as the server knows it no more, `lost` as the server could not be reached,
   * `refused` before it began; `null` before.
   *
   * @type {'own' | 'gone' | 'lost' | 'refused' | null}
   */
  ending = null;
  #token;
  #location = null;
  #tag = '';
  #answer = '';
  #found = [];
  #recovery = 0;
  #restarting = false;

  /** @param {RTCPeerConnection} connection with its tracks; @param {string} [token] */
  constructor(connection, token) {
    super();
    this.connection = connection;
    this.#token = token;
    connection.addEventListener('icecandidate', ({ candidate }) => this.#trickle(candidate));
    connection.addEventListener('connectionstatechange', () => this.#follow());
  }

  /**
   * Offers the connection at the stream's address.
   *
   * @param {string | URL} url
   * @throws {LiveError} when the server refuses
   */
  async begin(url) {
    try {
      await this.connection.setLocalDescription();
      const { sdp } = this.connection.localDescription;
      const response = await this.#request('POST', url, { 'Content-Type': SDP }, sdp);
      this.#location = new URL(response.headers.get('Location'), response.url);
      this.#tag = response.headers.get('ETag') ?? '';
      this.#answer = await response.text();
      await this.connection.setRemoteDescription({ type: 'answer', sdp: this.#answer });
      await this.#sendCandidates();
    } catch (error) {
      this.#finish('refused');
      throw error;
    }
  }

  /** Ends the session. */
  async end() {
    if (this.state === 'ended') return;
    this.#conclude('own');
    // The server hears it before the connection closes: it would take that for a loss, and wait.
    if (this.#location) await this.#tellEnd().catch(() => {}); // it may have ended by itself
    this.connection.close();
  }

  /** Asks whether the server still has the session, which a lost connection tells only seconds later. */
  async look() {
    if (this.state === 'ended' || !this.#location) return;
    try {
      await this.#request('GET', this.#location);
    } catch (error) {
      if (error.status === 404) this.#finish('gone');
    }
  }

  /** The address of the session; null before it has begun. */
  get location() {
    return this.#location;
  }

  /** Restarts ICE, as after a change of network. */
  async restart() {
    if (this.#restarting || !this.#location) return;
    this.#restarting = true;
    try {
      this.#found = [];
      await this.connection.setLocalDescription(await this.connection.createOffer({ iceRestart: true }));
      const { sdp } = this.connection.localDescription;
      const fragment = `${line(sdp, 'ice-ufrag')}\r\n${line(sdp, 'ice-pwd')}\r\n`;
      const response = await this.#patch('*', fragment);
      this.#tag = response.headers.get('ETag') ?? '';
      this.#answer = withCredentials(this.#answer, await response.text());
      await this.connection.setRemoteDescription({ type: 'answer', sdp: this.#answer });
    } finally {
      this.#restarting = false;
    }
    await this.#sendCandidates();
  }

  /** A request to a part of the session's address. */
  ask(method, part, body) {
    const address = new URL(`${this.#location.pathname}/${part}`, this.#location);
    return this.#request(method, address, { 'Content-Type': 'application/json' }, JSON.stringify(body));
  }

  #trickle(candidate) {
    this.#found.push(candidate ? `a=${candidate.candidate}` : 'a=end-of-candidates');
    if (this.#tag && !this.#restarting) this.#sendCandidates().catch(() => {}); // the server finds the way by itself
  }

  /** What was found since the last time, in one request (RFC 9725 §4.3.1). */
  async #sendCandidates() {
    const found = this.#found.filter((candidate) => candidate !== 'a=');
    this.#found = [];
    if (found.length === 0 || this.state === 'ended') return;
    const { sdp } = this.connection.localDescription;
    const media = sdp.split('\r\n').find((candidate) => candidate.startsWith('m='));
    const credentials = `${line(sdp, 'ice-ufrag')}\r\n${line(sdp, 'ice-pwd')}\r\n`;
    await this.#patch(this.#tag, `${credentials}${media}\r\n${line(sdp, 'mid')}\r\n${found.join('\r\n')}\r\n`);
  }

  #patch(condition, fragment) {
    return this.#request('PATCH', this.#location, { 'Content-Type': FRAGMENT, 'If-Match': condition }, fragment);
  }

  /** Pages that go away say it too. */
  #tellEnd() {
    return request('DELETE', this.#location, this.#token, { keepalive: true, signal: AbortSignal.timeout(END_MS) });
  }

  #request(method, url, headers, body) {
    return request(method, url, this.#token, { headers, body });
  }

  #follow() {
    clearTimeout(this.#recovery);
    if (this.state === 'ended') return;
    switch (this.connection.connectionState) {
      case 'connected':
        this.#become('live');
        break;
      case 'disconnected':
        this.#become('interrupted');
        this.#recovery = setTimeout(() => this.#recover(), RECOVERY_MS);
        break;
      case 'failed':
        this.#become('interrupted');
        this.#recover();
        break;
      case 'closed':
        this.#finish('own');
        break;
      default:
    }
  }

  async #recover() {
    try {
      await this.restart();
    } catch (error) {
      // The session is gone, or nobody is there: whoever owns this begins a new one.
      if (this.connection.connectionState !== 'connected') this.#finish(error.status === 404 ? 'gone' : 'lost');
    }
  }

  #finish(ending) {
    if (this.state === 'ended') return;
    this.#conclude(ending);
    this.connection.close();
  }

  #conclude(ending) {
    this.ending = ending;
    clearTimeout(this.#recovery);
    this.#become('ended');
  }

  #become(state) {
    if (this.state === state || this.state === 'ended') return;
    this.state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: state }));
  }
}

/** The first attribute line of this name. */
function line(sdp, name) {
  return sdp.split('\r\n').find((candidate) => candidate.startsWith(`a=${name}:`)) ?? '';
}

/** The answer with the credentials of a fragment in place of its own. */
function withCredentials(answer, fragment) {
  return ['ice-ufrag', 'ice-pwd'].reduce(
    (sdp, name) => sdp.replaceAll(new RegExp(`a=${name}:[^\\r\\n]*`, 'g'), line(fragment, name)),
    answer,
  );
}
