/** Keel's client: rooms with audio, video, screens and chat, from a browser. `README.md` beside this file explains it. */

/** What a track is a picture or the sound of. */
export type Source = 'microphone' | 'camera' | 'screen' | 'screenAudio';

/** How well media gets through to and from somebody. */
export type Quality = 'good' | 'fair' | 'poor';

/**
 * - `connecting`: not in the room yet.
 * - `connected`: in the room.
 * - `reconnecting`: the connection was lost and is being made again; nothing can be asked of the server meanwhile.
 * - `ended`: over for good.
 */
export type RoomState = 'connecting' | 'connected' | 'reconnecting' | 'ended';

/** What the server or the client refused, by a code that a program can act on: see `README.md`. */
export class KeelError extends Error {
  constructor(code: string, message: string, options?: { cause?: unknown });
  readonly name: 'KeelError';
  readonly code: string;
}

export interface JoinOptions {
  /** The room's name; it is made where there is none. */
  room: string;
  /** What the others are to call us, no longer than the server's limit of 64 bytes. */
  name: string;
  /** The moderator token of this room, from `createRoom` or `Room.moderatorToken`. */
  token?: string | null;
  /**
   * The `Room.resumeToken` of a participant whose page was reloaded or has crashed: where the server has not seen it
   * leave, it goes, and we take its place.
   */
  resumeToken?: string | null;
  /** Further STUN or TURN servers, beside those that the server names. */
  iceServers?: RTCIceServer[];
}

/**
 * Joins a room, which is made where there is none of this name.
 *
 * @param server the address of the server's `/groupcall`, by `https:` or `wss:`
 * @throws {KeelError} `roomFull`, `roomLocked`, `nameTaken`, `badToken`, ...; `unreachable` without a connection
 */
export function join(server: string | URL, options: JoinOptions): Promise<Room>;

/**
 * Makes a room before anybody joins it. The token makes its bearer a moderator.
 *
 * @throws {KeelError} when the server refuses or cannot be reached
 */
export function createRoom(
  server: string | URL,
  options?: { room?: string; sizeMax?: number },
): Promise<{ room: string; moderatorToken: string; sizeMax: number }>;

/** Somebody in the room. What is said here changes as the server tells. */
export interface Participant {
  readonly id: string;
  readonly name: string;
  readonly moderator: boolean;
  /** Whether the connection to the server is lost at the moment, and may come back. */
  readonly away: boolean;
  /** `null` while nobody knows. */
  readonly quality: Quality | null;
  /** The livestream that this is; `null` for people. */
  readonly stream: string | null;
  /** What they publish, by the track's id; empty for ourselves. */
  readonly tracks: ReadonlyMap<string, RemoteTrack>;
  /** The first track of a source; `null` without one. */
  track(source: Source): RemoteTrack | null;
}

/** What somebody else publishes. */
export interface RemoteTrack {
  readonly id: string;
  readonly participant: Participant;
  readonly kind: 'audio' | 'video';
  readonly source: Source;
  readonly muted: boolean;
  /** Pixels, where the server knows them. */
  readonly width: number | null;
  readonly height: number | null;
  /** What arrives; `null` until it does. */
  readonly media: MediaStreamTrack | null;
  /** The same for `srcObject`; `Room.subscribe` sets it by itself. */
  readonly stream: MediaStream | null;
}

/** One of our own tracks, from `Room.publish` until `stop`. */
export interface LocalTrack {
  /** What the server calls it; `null` while it does not know it. */
  readonly id: string | null;
  readonly kind: 'audio' | 'video';
  readonly source: Source;
  readonly mediaTrack: MediaStreamTrack | null;
  readonly muted: boolean;
  /** Mutes it, or sends again. It is silent at once; the others are told when the server can be reached. */
  mute(muted: boolean): Promise<void>;
  /** Sends something else of the same kind instead, such as another camera; `null` while the device is off. */
  replace(mediaTrack: MediaStreamTrack | null): Promise<void>;
  /** Ends it for everybody. The device is the caller's and goes on. */
  stop(): Promise<void>;
}

export interface PublishOptions {
  source: Source;
  /** Whether it begins muted. */
  muted?: boolean;
}

export interface ChatMessage {
  /** Ascending within a room. */
  readonly message: number;
  /** Who wrote it, who need not be here any more. */
  readonly participant?: string;
  readonly name: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The `detail` of each event of a room. */
export interface RoomEventMap {
  /** `isResumed` with `connected`: whether we are the same participant as before. `retryInMs` with `reconnecting`. */
  state: { state: RoomState; isResumed?: boolean; retryInMs?: number };
  participantjoined: { participant: Participant };
  participantleft: { participant: Participant; reason?: string };
  /** Moderator, away or quality. */
  participantchanged: { participant: Participant };
  trackpublished: { participant: Participant; track: RemoteTrack };
  trackended: { participant: Participant; track: RemoteTrack };
  trackmuted: { participant: Participant; track: RemoteTrack; byModerator: boolean };
  /** What arrives of a track has begun, ended or changed. */
  media: { participant: Participant; track: RemoteTrack };
  /** One of our own tracks was muted by somebody else. */
  localtrackmuted: { track: LocalTrack; byModerator: boolean };
  /** The loudest includes ourselves. */
  speakers: { dominant: Participant | null; loudest: Participant[] };
  message: ChatMessage;
  typing: { participant: Participant | null; typing: boolean };
  /** Also our own. */
  reaction: { participant: Participant | null; reaction: string };
  /** A message over the data channel; `participant` is `null` for one that has just left. */
  data: { participant: Participant | null; data: string | ArrayBuffer };
  locked: { locked: boolean };
  /** The ids of the videos that the server left out for us, for `showLast` or because the path is too slow. */
  viewpaused: { tracks: string[] };
  /** What we publish presents this livestream no more: it was ended, or somebody else has taken over. */
  broadcastended: { stream: string };
  /** Something failed that nobody waited for. */
  problem: { error: Error };
  /** `left`, `removed`, `roomEnded`, or the code with which the server refused to let us back in. */
  ended: { code: string; reason: string; error: KeelError | null };
}

/** A room that we are in. It stays the same object through lost connections and changes of network. */
export class Room extends EventTarget {
  private constructor();
  readonly id: string;
  /** Our own name. */
  readonly name: string;
  readonly state: RoomState;
  /** Ourselves as the others see us. */
  readonly self: Participant;
  /** The others, in the order in which they came. */
  readonly participants: Participant[];
  readonly localTracks: LocalTrack[];
  readonly speakers: { dominant: Participant | null; loudest: Participant[] };
  readonly locked: boolean;
  readonly sizeMax: number;
  /** What was written last before we came, oldest first; `history` has what was written before. */
  readonly messages: ChatMessage[];
  readonly hasMoreMessages: boolean;
  /** What makes its bearer a moderator; `null` for who is none. */
  readonly moderatorToken: string | null;
  /** See `JoinOptions`. */
  readonly resumeToken: string | null;

  addEventListener<K extends keyof RoomEventMap>(
    type: K,
    listener: (event: CustomEvent<RoomEventMap[K]>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof RoomEventMap>(
    type: K,
    listener: (event: CustomEvent<RoomEventMap[K]>) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | EventListenerOptions): void;

  /** By id, also ourselves. */
  participant(id: string): Participant | null;

  /** Sends a track to everybody. Settles once the server has accepted it. @throws {KeelError} */
  publish(mediaTrack: MediaStreamTrack, options: PublishOptions): Promise<LocalTrack>;

  /**
   * Plays a track in an element, now and whenever what arrives of it changes. Pictures come in the quality that the
   * element's size on the screen can show, and not at all while it has none.
   */
  subscribe(track: RemoteTrack, element: HTMLMediaElement, options?: { priority?: number }): void;
  /** Stops what `subscribe` began. */
  unsubscribe(element: HTMLMediaElement): void;
  /** Limits the cameras sent to us to the most recent speakers; `null` for no limit. */
  showLast(count: number | null): void;

  /** At most 2,000 characters. @throws {KeelError} `tooLong`, `tooFast`, ... */
  chat(text: string): Promise<ChatMessage>;
  /** What was written before a message, or last of all, oldest first. */
  history(before?: number, count?: number): Promise<{ messages: ChatMessage[]; more: boolean }>;
  typing(typing: boolean): void;
  /** One emoji. */
  react(reaction: string): Promise<void>;

  /** Opens a data channel to all others that have theirs open; settles when messages can flow. @throws {KeelError} */
  openData(): Promise<void>;
  /**
   * Sends at most 16 KiB to them. In order, and repeated until it is there, but lost for who does not keep up, and for
   * all when too much is sent (256 KiB a second). @throws {KeelError} `tooLong`, `tooFast`, `disconnected`
   */
  sendData(data: string | ArrayBuffer | ArrayBufferView): void;

  /** For moderators. @throws {KeelError} `notModerator`, ... */
  mute(track: RemoteTrack): Promise<void>;
  muteAll(): Promise<void>;
  remove(participant: Participant, reason?: string): Promise<void>;
  promote(participant: Participant): Promise<void>;
  lock(locked: boolean): Promise<void>;
  endForAll(): Promise<void>;
  /** Shows a livestream among the participants; settles with the id that it has there. @throws {KeelError} */
  showStream(stream: string, options?: { name?: string }): Promise<string>;

  /** Has a livestream be presented by what we publish, now and later. @throws {KeelError} `alreadyBroadcasting`, ... */
  broadcast(stream: string): Promise<void>;
  endBroadcast(): Promise<void>;

  statistics(): Promise<{ publish: RTCStatsReport | null; subscribe: RTCStatsReport | null }>;
  /** Connects now instead of at the end of the wait. */
  reconnect(): void;
  /** Leaves. The devices of what was published go on. */
  leave(): Promise<void>;
}
