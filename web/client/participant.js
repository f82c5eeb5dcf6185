/** Somebody in the room; `Room.self` is ourselves. What is said here changes as the server tells. */
export class Participant {
  /** @type {Map<string, RemoteTrack>} by the track's id */
  tracks = new Map();
  /** Whether the connection to the server is lost at the moment, and may come back. */
  away = false;
  /** @type {'good' | 'fair' | 'poor' | null} how well media gets through; `null` while nobody knows */
  quality = null;

  /** @param {{participant: string, name: string, moderator?: boolean, away?: boolean, stream?: string}} told by the server */
  constructor({ participant, name, moderator = false, away = false, stream = null }) {
    this.id = participant;
    this.name = name;
    this.moderator = moderator;
    this.away = away;
    /** The livestream that this is; `null` for people. */
    this.stream = stream;
  }

  /** @returns {RemoteTrack | null} the first track of this source */
  track(source) {
    return [...this.tracks.values()].find((track) => track.source === source) ?? null;
  }
}

/** What somebody else publishes. */
export class RemoteTrack {
  #media = null;
  #stream = null;

  /** @param {Participant} participant who publishes it */
  constructor(participant, { track, kind, source, muted = false, width = null, height = null }) {
    this.participant = participant;
    this.id = track;
    /** @type {'audio' | 'video'} */
    this.kind = kind;
    /** @type {'microphone' | 'camera' | 'screen' | 'screenAudio'} */
    this.source = source;
    this.muted = muted;
    this.width = width;
    this.height = height;
  }

  /** What arrives; `null` until it does. */
  get media() {
    return this.#media;
  }

  /** For `srcObject` of a video or audio element; the same as long as the same arrives. `null` until it does. */
  get stream() {
    return this.#stream;
  }

  /** Sets what arrives. @returns {boolean} whether that is new */
  carry(media) {
    if (media === this.#media) return false;
    this.#media = media;
    this.#stream = media ? new MediaStream([media]) : null;
    return true;
  }
}
