import { KeelError } from './error.js';
import { Network } from './network.js';
import { Publisher } from './publisher.js';
import { Roster } from './roster.js';
import { Session } from './session.js';
import { Subscriber } from './subscriber.js';
import { Viewport } from './viewport.js';

/**
 * A room that we are in: who else is there, what they publish, what we publish, and chat. Made by `join`.
 *
 * It stays the same object through lost connections and changes of network. Its events are listed in `index.d.ts`.
 */
export class Room extends EventTarget {
  #session;
  #roster = new Roster();
  #publisher;
  #subscriber;
  #viewport = new Viewport();
  #facts = { id: '', locked: false, sizeMax: 0, messages: [], hasMoreMessages: false };
  #state = 'connecting';
  /** What plays in which element. */
  #elements = new Map();
  #lastMessage = -1;
  #lastN = null;
  /** The last `view` that the server got. */
  #shown = '';
  #iceServers = [];
  #wantsData = false;
  #network = new Network(() => this.#networkChanged());

  /**
   * @param {URL} address
   * @param {import('./index.js').JoinOptions} options
   */
  constructor(address, { room, name, token = null, resumeToken = null, iceServers = [] }) {
    super();
    this.name = name;
    this.#iceServers = iceServers;
    this.#session = new Session(address, { room, name, token, resumeToken });
    this.#publisher = new Publisher((message) => this.#session.ask(message));
    this.#subscriber = new Subscriber((message) => this.#session.ask(message));
    this.#session.addEventListener('entered', ({ detail }) => this.#entered(detail));
    this.#session.addEventListener('message', ({ detail }) => this.#received(detail));
    this.#session.addEventListener('lost', ({ detail }) => this.#lost(detail));
    this.#session.addEventListener('ended', ({ detail }) => this.#end(detail.code, detail.message, detail));
    this.#wire('publish', this.#publisher, () => this.#publisher.restartIce());
    this.#wire('subscribe', this.#subscriber, () => this.#session.ask({ id: 'restartIce' }));
    this.#subscriber.addEventListener('media', () => this.#carryMedia());
    this.#subscriber.addEventListener('problem', ({ detail }) => this.#tell('problem', { error: detail }));
    this.#subscriber.data.addEventListener('data', ({ detail: { participant, data } }) => {
      this.#tell('data', { participant: this.participant(participant), data });
    });
    this.#viewport.addEventListener('change', () => this.#view());
  }

  /** The room's identifier, as in `join`. */
  get id() {
    return this.#facts.id;
  }

  /** @returns {'connecting' | 'connected' | 'reconnecting' | 'ended'} */
  get state() {
    return this.#state;
  }

  /** Ourselves as the others see us. @returns {import('./participant.js').Participant} */
  get self() {
    return this.#roster.self;
  }

  /** The others, in the order in which they came. @returns {import('./participant.js').Participant[]} */
  get participants() {
    return [...this.#roster.others.values()];
  }

  /** @returns {import('./participant.js').Participant | null} also for ourselves */
  participant(id) {
    return this.#roster.find(id);
  }

  /** Who speaks now. */
  get speakers() {
    return this.#roster.speakers;
  }

  /** What we publish. @returns {import('./local-track.js').LocalTrack[]} */
  get localTracks() {
    return this.#publisher.tracks;
  }

  /** Whether nobody new may come in. */
  get locked() {
    return this.#facts.locked;
  }

  /** How many participants fit in. */
  get sizeMax() {
    return this.#facts.sizeMax;
  }

  /** What was written last before we came, oldest first. */
  get messages() {
    return this.#facts.messages;
  }

  /** Whether there is more before `messages`: see `history`. */
  get hasMoreMessages() {
    return this.#facts.hasMoreMessages;
  }

  /** What makes its owner a moderator of this room; `null` for who is none. */
  get moderatorToken() {
    return this.#session.token;
  }

  /** What lets this participant come back after a reload of its page: see `JoinOptions`. */
  get resumeToken() {
    return this.#session.resumeToken;
  }

  /** Connects and joins; settles with the first answer. */
  enter() {
    return new Promise((resolve, reject) => {
      const settle = (done) => (value) => {
        this.#session.removeEventListener('entered', entered);
        this.#session.removeEventListener('ended', ended);
        this.#session.removeEventListener('lost', lost);
        done(value);
      };
      const entered = settle(() => resolve(this));
      const ended = settle(({ detail }) => reject(detail));
      const lost = settle(() => {
        this.#end('unreachable');
        reject(new KeelError('unreachable', 'The server cannot be reached.'));
      });
      this.#session.addEventListener('entered', entered);
      this.#session.addEventListener('ended', ended);
      this.#session.addEventListener('lost', lost);
      this.#session.connect();
    });
  }

  /** Sends a track to everybody in the room. */
  publish(mediaTrack, options) {
    return this.#publisher.publish(mediaTrack, options);
  }

  /**
   * Plays a track in a video or audio element. Pictures come in the quality that the element's size can show.
   *
   * @param {import('./participant.js').RemoteTrack} track
   * @param {HTMLMediaElement} element
   * @param {{priority?: number}} [options]
   */
  subscribe(track, element, { priority = 1 } = {}) {
    if (element.srcObject !== track.stream) element.srcObject = track.stream;
    if (track.kind === 'video') this.#viewport.show(track.id, element, priority);
    this.#elements.set(element, track);
  }

  /** Stops what `subscribe` began; a picture that no element shows is not sent to us any more. */
  unsubscribe(element) {
    this.#viewport.hide(element);
    this.#elements.delete(element);
    element.srcObject = null;
  }

  /** Limits the cameras that are sent to us to the most recent speakers; `null` for no limit. */
  showLast(count) {
    this.#lastN = count;
    this.#view();
  }

  /** Writes to everybody. @returns {Promise<object>} the message as the others get it */
  async chat(text) {
    const { message, time } = await this.#session.ask({ id: 'chat', text });
    this.#lastMessage = Math.max(this.#lastMessage, message);
    return { message, participant: this.self.id, name: this.name, text, time };
  }

  /** What was written before a message, or last of all. @returns {Promise<{messages: object[], more: boolean}>} */
  async history(before, count = 50) {
    const { messages, more } = await this.#session.ask({ id: 'history', before, count });
    return { messages, more };
  }

  /** Tells the others that something is being written, or no longer. Lost where there is no connection. */
  typing(typing) {
    this.#session.tell({ id: 'typing', typing });
  }

  /** Shows everybody a reaction, also ourselves: one emoji. */
  async react(reaction) {
    await this.#session.ask({ id: 'react', reaction });
    this.#tell('reaction', { participant: this.self, reaction });
  }

  /** Opens a data channel to all others that have theirs open. Settles when messages can flow. */
  async openData() {
    if (!this.#wantsData) {
      await this.#session.ask({ id: 'openData' });
      this.#wantsData = true;
    }
    await this.#subscriber.data.opened();
  }

  /** Sends a message over the data channel: at most 16 KiB of text or bytes. */
  sendData(data) {
    this.#subscriber.data.send(data);
  }

  /** For moderators: mutes what somebody publishes. */
  async mute(track) {
    await this.#session.ask({ id: 'moderate', action: 'mute', track: track.id });
  }

  /** For moderators: mutes every microphone but our own. */
  async muteAll() {
    await this.#session.ask({ id: 'moderate', action: 'muteAll' });
  }

  /** For moderators: sends somebody out. */
  async remove(participant, reason) {
    await this.#session.ask({ id: 'moderate', action: 'remove', participant: participant.id, reason });
  }

  /** For moderators: makes somebody else one too. */
  async promote(participant) {
    await this.#session.ask({ id: 'moderate', action: 'promote', participant: participant.id });
  }

  /** For moderators: lets nobody new in, or opens again. */
  async lock(locked) {
    await this.#session.ask({ id: 'moderate', action: 'lock', locked });
  }

  /**
   * For moderators: shows a livestream among the participants; `remove` takes it away.
   *
   * @param {string} stream
   * @param {{name?: string}} [options] what it is to be called
   * @returns {Promise<string>} the id of the participant that it is; `participantjoined` tells of it as of anybody
   */
  async showStream(stream, { name } = {}) {
    const { participant } = await this.#session.ask({ id: 'showStream', stream, name });
    return participant;
  }

  /** Has a livestream be presented by what we publish, now and later. */
  async broadcast(stream) {
    await this.#session.ask({ id: 'broadcast', stream });
  }

  /** Ends what `broadcast` began. */
  async endBroadcast() {
    await this.#session.ask({ id: 'endBroadcast' });
  }

  /** For moderators: ends the room for everybody. */
  async endForAll() {
    await this.#session.ask({ id: 'moderate', action: 'end' });
  }

  /** @returns {Promise<{publish: RTCStatsReport | null, subscribe: RTCStatsReport | null}>} */
  async statistics() {
    const [publish, subscribe] = await Promise.all(
      [this.#publisher, this.#subscriber].map(async ({ connection }) => (await connection?.getStats()) ?? null),
    );
    return { publish, subscribe };
  }

  /** Connects now instead of at the end of the wait. */
  reconnect() {
    this.#session.connect();
  }

  /** Leaves the room. The devices of what was published are the caller's and go on. */
  async leave() {
    await this.#session.leave();
    this.#end('left');
  }

  #wire(connection, side, restart) {
    side.addEventListener('candidate', ({ detail }) => this.#session.tell({ id: 'onIceCandidate', connection, candidate: detail }));
    side.addEventListener('weak', () => this.#attempt(restart()));
  }

  #entered(joined) {
    const isResumed = joined.resumed === true;
    const isReturning = this.#state === 'reconnecting';
    const { room, locked, sizeMax, messages, more, iceServers } = joined;
    this.#facts = { id: room, locked, sizeMax, messages, hasMoreMessages: more };
    const servers = [...(iceServers ?? []), ...this.#iceServers];
    if (!isResumed) {
      this.#publisher.begin(servers);
      this.#subscriber.begin(servers);
    }
    this.#shown = '';
    const happened = this.#roster.enter(joined, this.name);
    this.#enter('connected', { isResumed });
    for (const { type, detail } of happened) this.#tell(type, detail);
    this.#catchUp(messages, isReturning);
    this.#view();
    this.#attempt(this.#publisher.resume({ restartIce: isResumed && !isWell(this.#publisher.state) }));
    if (this.#wantsData && !isResumed) this.#attempt(this.#session.ask({ id: 'openData' }));
    if (isResumed && !isWell(this.#subscriber.state)) this.#attempt(this.#session.ask({ id: 'restartIce' }));
  }

  /** Tells what was written while we were away. */
  #catchUp(messages, isReturning) {
    const missed = messages.filter(({ message }) => message > this.#lastMessage);
    this.#lastMessage = Math.max(this.#lastMessage, ...messages.map(({ message }) => message));
    if (isReturning) for (const message of missed) this.#tell('message', message);
  }

  #lost({ retryInMs }) {
    if (this.#state !== 'connecting') this.#enter('reconnecting', { retryInMs });
  }

  #received(message) {
    const happened = this.#roster.handle(message);
    if (happened) {
      for (const { type, detail } of happened) this.#tell(type, detail);
      if (message.id === 'trackPublished') this.#carryMedia();
      if (message.id === 'trackMuted') this.#muted(message);
      return;
    }
    switch (message.id) {
      case 'offer':
        return this.#subscriber.handleOffer(message);
      case 'iceCandidate':
        return (message.connection === 'publish' ? this.#publisher : this.#subscriber).addCandidate(message.candidate);
      case 'encodings':
        return this.#publisher.activate(message.track, message.active);
      case 'chatMessage':
        return this.#wrote(message);
      case 'typing':
      case 'reaction':
        return this.#tell(message.id, { ...message, participant: this.participant(message.participant) });
      case 'broadcastEnded':
        return this.#tell('broadcastended', { stream: message.stream });
      case 'roomLocked':
        this.#facts.locked = message.locked;
        return this.#tell('locked', { locked: message.locked });
      case 'viewPaused':
        return this.#tell('viewpaused', { tracks: message.tracks });
      case 'roomEnded':
        // The socket is lost next, and the room is found again on the server that comes after.
        if (message.reason === 'shutdown') return undefined;
        return this.#end(message.id, message.reason);
      case 'removed':
        return this.#end(message.id, message.reason);
      case 'error':
        return this.#tell('problem', { error: new KeelError(message.code, message.message) });
      default:
        return undefined; // a newer server may say more
    }
  }

  #wrote({ message, participant, name, text, time }) {
    if (message <= this.#lastMessage) return;
    this.#lastMessage = message;
    this.#tell('message', { message, participant, name, text, time });
  }

  /** One of our own tracks was muted by somebody else. */
  #muted({ participant, track: id, muted, byModerator }) {
    const track = participant === this.self.id ? this.#publisher.find(id) : undefined;
    if (!track || track.muted === muted) return;
    track.muteLocally(muted);
    this.#tell('localtrackmuted', { track, byModerator });
  }

  #carryMedia() {
    for (const participant of this.participants) {
      for (const track of participant.tracks.values()) {
        if (track.carry(this.#subscriber.media(track.id))) this.#tell('media', { participant, track });
      }
    }
    for (const [element, track] of this.#elements) {
      if (element.srcObject !== track.stream) element.srcObject = track.stream;
    }
  }

  /** Says what is on the screen, where that differs from what the server knows. */
  #view() {
    if (!this.#session.isIn) return;
    const view = { tracks: this.#viewport.wanted };
    if (this.#lastN !== null) view.lastN = this.#lastN;
    const text = JSON.stringify(view);
    if (text === this.#shown) return;
    this.#shown = text;
    const told = this.#session.ask({ id: 'view', ...view });
    told.catch(() => { this.#shown = ''; }); // said again with the next change
    this.#attempt(told);
  }

  #networkChanged() {
    this.#session.connect();
    if (this.#publisher.state !== null) this.#attempt(this.#publisher.restartIce());
    if (this.#subscriber.state !== null) this.#attempt(this.#session.ask({ id: 'restartIce' }));
  }

  /** What we do by ourselves: a lost connection makes it again, anything else is told. */
  #attempt(work) {
    work.catch((error) => {
      if (!EXPECTED.has(error.code)) this.#tell('problem', { error });
    });
  }

  #end(code, reason = '', error = null) {
    if (this.#state === 'ended') return;
    this.#session.end();
    this.#publisher.end();
    this.#subscriber.end();
    this.#subscriber.data.end();
    this.#viewport.end();
    for (const element of this.#elements.keys()) element.srcObject = null;
    this.#elements.clear();
    this.#network.end();
    this.#enter('ended', {});
    this.#tell('ended', { code, reason, error });
  }

  #enter(state, detail) {
    this.#state = state;
    this.#tell('state', { state, ...detail });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** What happens to requests on a connection that is lost or given up. */
const EXPECTED = new Set(['disconnected', 'closed', 'timeout']);

/** Whether a connection needs no help: it works, is being made, or was never needed. */
function isWell(state) {
  return state === null || state === 'connected' || state === 'new' || state === 'connecting';
}
