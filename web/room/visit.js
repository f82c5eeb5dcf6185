import { createRoom, join } from '../client/index.js';
import { asSentence } from '../sentence.js';
import { Broadcast } from './broadcast.js';

/**
 * One visit of a room by this page, without any DOM.
 *
 * | place | meaning | leaves by |
 * | --- | --- | --- |
 * | `entrance` | camera and microphone are looked at | `enter` |
 * | `entering` | the server was asked | its answer |
 * | `inside` | in the room | `leave`, the server |
 * | `outside` | it is over; `farewell` says why | `returnToEntrance` |
 *
 * Events: `change` (any getter may differ); `notice` (`detail`: a sentence for the user).
 */
export class Visit extends EventTarget {
  #server;
  #iceServers;
  #equipment;
  #place = 'entrance';
  #roomName;
  #room = null;
  #broadcast = null;
  #refusal = null;
  #farewell = null;

  /**
   * @param {{server: URL, iceServers: () => Promise<RTCIceServer[]>, roomName: string}} settings `roomName`: empty
   *   for a new room
   * @param {import('../equipment/equipment.js').Equipment} equipment
   */
  constructor({ server, iceServers, roomName }, equipment) {
    super();
    this.#server = server;
    this.#iceServers = iceServers;
    this.#roomName = roomName;
    this.#equipment = equipment;
  }

  /** One of the places of the table above. */
  get place() {
    return this.#place;
  }

  /** What the room is called; empty while the server has not drawn a name. */
  get roomName() {
    return this.#roomName;
  }

  /** The room, while inside. @returns {import('../client/index.js').Room | null} */
  get room() {
    return this.#room;
  }

  /** What we send, while inside. */
  get broadcast() {
    return this.#broadcast;
  }

  /** Camera and microphone. */
  get equipment() {
    return this.#equipment;
  }

  /** Why the room could not be entered; `null` if it was not refused. */
  get refusal() {
    return this.#refusal;
  }

  /** How the visit ended, as a heading and a sentence; `null` before. */
  get farewell() {
    return this.#farewell;
  }

  /** Enters under a name. The outcome shows in `place` and `refusal`. */
  async enter(name) {
    if (this.#place !== 'entrance') return;
    this.#refusal = null;
    this.#move('entering');
    try {
      const iceServers = await this.#iceServers();
      await this.#findRoom();
      this.#welcome(await this.#join({ room: this.#roomName, name, resumeToken: takeResumeToken(), iceServers }));
    } catch (error) {
      this.#refusal = REFUSALS[error.code] ?? asSentence(error.message);
      this.#move('entrance');
    }
  }

  /** With the token that this tab has, unless the room was made anew and knows another one. */
  async #join(options) {
    const token = this.#token;
    try {
      return await join(this.#server, { ...options, token });
    } catch (error) {
      if (error.code !== 'badToken' || token === null) throw error;
      return join(this.#server, options);
    }
  }

  /** Leaves the room. */
  async leave() {
    await this.#room?.leave();
  }

  /** The page goes away, perhaps to be loaded again: the others are told at once. */
  goAway() {
    if (!this.#room) return;
    sessionStorage.setItem(RESUME_KEY, this.#room.resumeToken ?? '');
    this.#room.leave();
  }

  /** After the end, back to where one can come in again. */
  async returnToEntrance() {
    this.#farewell = null;
    this.#move('entrance');
    await this.#equipment.open();
  }

  /** Does something that the server may refuse, and tells the user if it does. */
  async attempt(work) {
    try {
      await work;
    } catch (error) {
      if (error.code !== 'closed') this.#notice(asSentence(error.message));
    }
  }

  /** Tells the user something. */
  tell(text) {
    this.#notice(text);
  }

  async #findRoom() {
    if (this.#roomName) return;
    const { room, moderatorToken } = await createRoom(this.#server);
    this.#roomName = room;
    this.#token = moderatorToken;
  }

  #welcome(room) {
    this.#room = room;
    this.#token = room.moderatorToken;
    this.#broadcast = new Broadcast(room, this.#equipment);
    this.#broadcast.addEventListener('change', () => this.#changed());
    this.#broadcast.addEventListener('notice', ({ detail }) => this.#notice(detail));
    for (const type of CHANGING) room.addEventListener(type, () => this.#changed());
    room.addEventListener('ended', ({ detail }) => this.#ended(detail));
    room.addEventListener('problem', ({ detail }) => console.warn('keel: something went wrong in the room', detail.error));
    this.#move('inside');
  }

  #ended({ code, reason }) {
    this.#broadcast.end();
    this.#equipment.close();
    this.#room = null;
    this.#broadcast = null;
    const { title, text } = FAREWELLS[code] ?? FAREWELLS.lost;
    this.#farewell = { title, text: text ?? ENDS[reason] ?? asSentence(reason || 'the server did not say why') };
    this.#move('outside');
  }

  /** What made us a moderator stays with this tab, so that a reload keeps it. */
  get #token() {
    return sessionStorage.getItem(`${TOKEN_KEY}${this.#roomName}`);
  }

  set #token(token) {
    const key = `${TOKEN_KEY}${this.#roomName}`;
    if (token) sessionStorage.setItem(key, token);
    else sessionStorage.removeItem(key);
  }

  #move(place) {
    this.#place = place;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  #notice(text) {
    this.dispatchEvent(new CustomEvent('notice', { detail: text }));
  }
}

const TOKEN_KEY = 'keel.moderator.';
const RESUME_KEY = 'keel.resume';

/**
 * Left behind by the page before a reload, for the case that its word of leaving did not arrive: nobody's name is taken
 * by who they were. It is there only while no page is: a duplicated tab is a second person.
 */
function takeResumeToken() {
  const token = sessionStorage.getItem(RESUME_KEY);
  sessionStorage.removeItem(RESUME_KEY);
  return token || null;
}

/** The room's events after which something may look different. */
const CHANGING = [
  'state',
  'participantjoined',
  'participantleft',
  'participantchanged',
  'trackpublished',
  'trackended',
  'trackmuted',
  'localtrackmuted',
  'media',
  'speakers',
  'viewpaused',
  'locked',
];

const REFUSALS = {
  roomFull: 'This room is full. Try again when somebody has left.',
  roomLocked: 'This room is locked. Ask somebody inside to open it.',
  nameTaken: 'Somebody in this room has this name already. Choose another one.',
  unreachable: 'The server cannot be reached, or it asks for an access token that the address of this page lacks.',
};

const FAREWELLS = {
  left: { title: 'You left the room', text: 'The others go on without you.' },
  removed: { title: 'You were removed' },
  roomEnded: { title: 'The room has ended' },
  lost: { title: 'You could not come back' },
};

/** Why rooms end, by the server's word for it. */
const ENDS = {
  ended: 'A moderator has ended it for everybody.',
  failed: 'The server could not go on with it.',
};
