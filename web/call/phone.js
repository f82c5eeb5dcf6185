import { Call } from './call.js';
import { Conversation } from './conversation.js';
import { capture, stop } from '../devices.js';
import { asSentence } from '../sentence.js';

/**
 * Who this page is to the server and which call it is in: the call protocol seen from a browser, without any DOM.
 *
 * | phase | meaning | leaves by |
 * | --- | --- | --- |
 * | `absent` | no name | `register` |
 * | `registering` | asked for a name | the server's answer |
 * | `ready` | registered, no call | `call`, an incoming call |
 * | `preparing` | we call: devices and offer | the offer is sent, `hangUp` |
 * | `calling` | offer sent, the other side rings | the server's answer, `hangUp` |
 * | `ringing` | we are called | `accept`, `reject`, the caller gives up |
 * | `answering` | accepted: devices and offer, then the answer | the server's answer, `hangUp` |
 * | `talking` | the answer is set | `hangUp`, the other side stops |
 *
 * Events: `change` (any getter may differ); `notice` (`detail`: a sentence for the user).
 */
export class Phone extends EventTarget {
  #signaling;
  #video;
  #iceServers;
  #phase = 'absent';
  /** Name, secret and resume token; kept to register again by itself after the connection was lost. */
  #identity = null;
  #refusal = null;
  #online = [];
  /** The call, from its first thought to its end: see `#begin`. */
  #attempt = null;

  /**
   * @param {import('../client/socket.js').Socket} signaling
   * @param {{video: MediaTrackConstraints | false, iceServers: () => Promise<RTCIceServer[]>}} settings
   */
  constructor(signaling, { video, iceServers }) {
    super();
    this.#signaling = signaling;
    this.#video = video;
    this.#iceServers = iceServers;
    signaling.addEventListener('open', () => this.#introduce());
    signaling.addEventListener('lost', () => this.#lost());
    signaling.addEventListener('message', ({ detail }) => this.#received(detail));
  }

  /** One of the phases of the table above. */
  get phase() {
    return this.#phase;
  }

  /** Our name, also while it is being asked for; `null` without one. */
  get name() {
    return this.#identity?.name ?? null;
  }

  /** Whether the server accepted this name before, so that asking for it again needs nothing of the user. */
  get isReturning() {
    return this.#identity?.accepted ?? false;
  }

  /** Why the last registration was refused; `null` if it was not. */
  get refusal() {
    return this.#refusal;
  }

  /** The other names that are registered now, sorted. */
  get online() {
    return this.#online;
  }

  /** The name at the other end of the call; `null` without a call. */
  get peer() {
    return this.#attempt?.peer ?? null;
  }

  /** The current call's connection; `null` until one is made. */
  get connection() {
    return this.#attempt?.connection ?? null;
  }

  /** What the two of the call write; `null` while they cannot. */
  get conversation() {
    return this.#attempt?.conversation ?? null;
  }

  /** Our own camera and microphone in this call; `null` if neither. */
  get localStream() {
    return this.#attempt?.stream ?? null;
  }

  /** When media first flowed, as `performance.now()`; `null` before. */
  get connectedAt() {
    return this.#attempt?.connectedAt ?? null;
  }

  /** Why nothing can be sent, while the user decides whether to go on without; `null` otherwise. */
  get obstacle() {
    return this.#attempt?.obstacle?.problem ?? null;
  }

  /**
   * Asks the server for a name. The answer shows in `phase` and `refusal`.
   *
   * @param {string} name
   * @param {string} secret empty for none
   */
  register(name, secret) {
    this.#identity = { name, secret, resumeToken: null, accepted: false };
    this.#refusal = null;
    this.#introduce();
  }

  /** Gives the name back. */
  signOut() {
    this.#finish(null, 'absent');
    this.#forget(null);
    this.#signaling.reconnect();
  }

  /** Calls someone by name. */
  async call(peer) {
    if (this.#phase !== 'ready') return;
    await this.#offer(this.#begin('preparing', peer));
  }

  /** Accepts the incoming call. */
  async accept() {
    if (this.#phase !== 'ringing') return;
    this.#enter('answering');
    await this.#offer(this.#attempt);
  }

  /** Rejects the incoming call. */
  reject() {
    if (this.#phase !== 'ringing') return;
    this.#refuse(this.peer, `${this.name} does not want to talk now.`);
    this.#finish(null);
  }

  /** Ends the call in whatever phase it is. */
  hangUp() {
    const attempt = this.#attempt;
    if (!attempt) return;
    if (this.#phase === 'ringing') return this.reject();
    if (attempt.offered) this.#signaling.send({ id: 'stop' });
    // The devices of an accepted call are still being asked for: the server waits for our response.
    else if (this.#phase === 'answering') this.#refuse(attempt.peer, `${this.name} cannot talk now.`);
    this.#finish(this.connectedAt === null ? null : `You ended the call with ${attempt.peer}.`);
  }

  /** Goes on with a call although nothing can be sent: the user chose to watch and listen. */
  continueWithoutDevices() {
    this.#attempt?.obstacle?.resolve(true);
  }

  /**
   * Sends or withholds our sound or picture. The track goes on either way, as silence or black: the other side sees
   * at once that it is off, instead of the last picture frozen.
   *
   * @param {'audio' | 'video'} kind
   * @param {boolean} enabled
   */
  setSending(kind, enabled) {
    for (const track of this.#tracks(kind)) track.enabled = enabled;
    this.#changed();
  }

  /** Whether our sound or picture is being sent; `null` if there is no such device in this call. */
  isSending(kind) {
    const [track] = this.#tracks(kind);
    return track ? track.enabled : null;
  }

  /** Tells the user something. */
  tell(text) {
    this.#notice(text);
  }

  #tracks(kind) {
    return (this.localStream?.getTracks() ?? []).filter((track) => track.kind === kind);
  }

  /** Says who we are, at first and again after every new connection. */
  #introduce() {
    if (!this.#identity) return;
    this.#enter('registering');
    const { name, secret, resumeToken } = this.#identity;
    const message = { id: 'register', name };
    if (secret) message.secret = secret;
    if (resumeToken) message.resumeToken = resumeToken;
    this.#signaling.send(message);
  }

  #lost() {
    this.#online = [];
    this.#finish('The call ended because the connection to the server was lost.', 'registering');
    if (this.#identity) this.#enter('registering');
  }

  #received(message) {
    if (this.#attempt?.writing?.handle(message)) return;
    switch (message.id) {
      case 'registerResponse':
        return this.#registered(message);
      case 'online':
        this.#online = message.users.filter((user) => user !== this.name).sort((a, b) => a.localeCompare(b));
        return this.#changed();
      case 'incomingCall':
        return this.#called(message.from);
      case 'callResponse':
        return this.#responded(message);
      case 'startCommunication':
        return this.#answered(message.sdpAnswer);
      case 'iceCandidate':
        return this.connection?.addCandidate(message.candidate);
      case 'stopCommunication':
        return this.#finish(asSentence(message.message || `${this.peer} ended the call`));
      case 'error':
        // Outside a registration it is about a message that crossed the end of a call on the way.
        if (this.#phase === 'registering') return this.#forget(asSentence(message.message));
        return console.warn('keel: the server refused a message:', message.message);
      default:
        console.warn('keel: a message this page does not know', message.id);
    }
  }

  #registered({ response, message, resumeToken }) {
    if (this.#phase !== 'registering') return;
    if (response !== 'accepted') return this.#forget(asSentence(message || 'the server refused this name'));
    this.#identity.accepted = true;
    this.#identity.resumeToken = resumeToken ?? null;
    this.#enter('ready');
    this.#signaling.send({ id: 'watchOnline' });
  }

  #forget(refusal) {
    this.#identity = null;
    this.#online = [];
    this.#refusal = refusal;
    this.#enter('absent');
  }

  /** The server rings here only while it knows of no call of ours: one that we have begun has crossed theirs. */
  #called(from) {
    const crossed = this.#phase === 'preparing' || this.#phase === 'calling';
    if (crossed && from === this.peer) {
      // Both want the same. Sent already, our call counts as the acceptance; otherwise the offer to come is one.
      if (this.#phase === 'preparing') this.#enter('answering');
      return;
    }
    if (crossed) this.#finish(`${from} called before your call to ${this.peer} was placed.`);
    if (this.#phase === 'ready') this.#begin('ringing', from);
    else this.#refuse(from, `${this.name} is busy.`);
  }

  #responded({ response, message, sdpAnswer }) {
    // Otherwise it refuses a call that has already given way to one that crossed it.
    if (this.#phase !== 'calling') return;
    if (response === 'accepted') this.#answered(sdpAnswer);
    else this.#finish(`No call with ${this.peer}. ${asSentence(message || 'it was refused')}`);
  }

  #refuse(from, message) {
    this.#signaling.send({ id: 'incomingCallResponse', from, callResponse: 'reject', message });
  }

  /** A call begins to exist: whom it is with, and what it holds by now. `#finish` gives all of it back. */
  #begin(phase, peer) {
    this.#attempt = { peer, stream: null, connection: null, obstacle: null, offered: false, connectedAt: null, writing: null, conversation: null };
    this.#enter(phase);
    return this.#attempt;
  }

  /** Makes the offer and sends it: as a call, or as the acceptance of one. */
  async #offer(attempt) {
    const sdpOffer = await this.#prepare(attempt);
    if (!sdpOffer) return;
    attempt.offered = true;
    if (this.#phase === 'answering') {
      this.#signaling.send({ id: 'incomingCallResponse', from: attempt.peer, callResponse: 'accept', sdpOffer });
    } else {
      this.#enter('calling');
      this.#signaling.send({ id: 'call', from: this.name, to: attempt.peer, sdpOffer });
    }
    attempt.connection.offerSent();
  }

  /** Devices, connection and offer. `null` if the call ended while the user or the browser took their time. */
  async #prepare(attempt) {
    const [{ stream, problem }, iceServers] = await Promise.all([capture(this.#video), this.#iceServers()]);
    if (attempt !== this.#attempt) {
      stop(stream);
      return null;
    }
    attempt.stream = stream;
    if (!stream && !(await this.#ask(attempt, problem))) return null;
    if (stream && problem) this.#notice(problem);
    attempt.connection = this.#connect(attempt, iceServers);
    this.#changed();
    const sdpOffer = await attempt.connection.offer(stream);
    return attempt === this.#attempt ? sdpOffer : null;
  }

  /** Lets the user decide about a call in which nothing can be sent. False if it ended meanwhile. */
  #ask(attempt, problem) {
    const { promise, resolve } = deferred();
    attempt.obstacle = { problem, resolve };
    this.#changed();
    return promise.then((goOn) => {
      attempt.obstacle = null;
      this.#changed();
      return goOn;
    });
  }

  #connect(attempt, iceServers) {
    const connection = new Call(iceServers);
    connection.addEventListener('candidate', ({ detail }) => {
      if (attempt === this.#attempt) this.#signaling.send({ id: 'onIceCandidate', candidate: detail });
    });
    connection.addEventListener('media', () => this.#changed());
    connection.addEventListener('state', () => this.#connectionChanged(attempt));
    return connection;
  }

  #connectionChanged(attempt) {
    if (attempt !== this.#attempt) return;
    const { state } = attempt.connection;
    if (state === 'connected') attempt.connectedAt ??= performance.now();
    if (state !== 'failed') return this.#changed();
    this.#signaling.send({ id: 'stop' });
    this.#finish('The call ended because no media connection to the server was possible. A firewall may block UDP.');
  }

  async #answered(sdp) {
    const attempt = this.#attempt;
    if (!attempt?.offered || this.#phase === 'talking') return;
    this.#enter('talking');
    this.#converse(attempt);
    try {
      await attempt.connection.answer(sdp);
    } catch (error) {
      if (attempt !== this.#attempt) return;
      console.warn('keel: the answer was not usable', error);
      this.#signaling.send({ id: 'stop' });
      this.#finish('The call ended because this browser and the server could not agree on a media format.');
    }
  }

  /** From now on the two can write, with what they wrote in earlier calls before their eyes. */
  async #converse(attempt) {
    attempt.writing = new Conversation(this.name, (message) => this.#signaling.send(message));
    try {
      await attempt.writing.begin();
    } catch (error) {
      console.warn('keel: what was written earlier cannot be shown', error);
    }
    if (attempt !== this.#attempt) return;
    attempt.conversation = attempt.writing;
    this.#changed();
  }

  /** The call is over, for whatever reason: gives devices and connection back and says why. */
  #finish(reason, phase = 'ready') {
    const attempt = this.#attempt;
    if (!attempt) return;
    this.#attempt = null;
    stop(attempt.stream);
    attempt.connection?.close();
    attempt.writing?.end();
    attempt.obstacle?.resolve(false);
    this.#enter(phase);
    if (reason) this.#notice(reason);
  }

  #enter(phase) {
    this.#phase = phase;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  #notice(text) {
    this.dispatchEvent(new CustomEvent('notice', { detail: text }));
  }
}

/** `Promise.withResolvers`, which Firefox's long-term releases before 121 lack. */
function deferred() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
