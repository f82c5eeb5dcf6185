import { Participant, RemoteTrack } from './participant.js';

/**
 * Who is in the room and what they publish, kept up from the server's messages. Without any connection: each method
 * returns what happened, as `{type, detail}` in order.
 */
export class Roster {
  /** @type {Participant | null} */
  self = null;
  /** @type {Map<string, Participant>} the others, by id, in the order in which they came */
  others = new Map();
  /** @type {{dominant: Participant | null, loudest: Participant[]}} */
  speakers = { dominant: null, loudest: [] };

  /** @returns {Participant | null} also for ourselves */
  find(id) {
    return id === this.self?.id ? this.self : (this.others.get(id) ?? null);
  }

  /** @returns {RemoteTrack | null} */
  findTrack(id) {
    for (const { tracks } of this.others.values()) if (tracks.has(id)) return tracks.get(id);
    return null;
  }

  /**
   * Takes the answer to `join`. After a lost connection, what happened meanwhile is told like everything else.
   *
   * @param {object} joined
   * @param {string} name our own
   */
  enter(joined, name) {
    const { participant, moderator, participants } = joined;
    if (this.self?.id !== participant) this.self = new Participant({ participant, name, moderator });
    this.self.moderator = moderator;
    const happened = [];
    const present = participants.filter((told) => told.participant !== participant);
    const ids = new Set(present.map((told) => told.participant));
    for (const id of [...this.others.keys()]) if (!ids.has(id)) happened.push(...this.#leave({ participant: id, reason: 'lost' }));
    for (const told of present) {
      const known = this.others.get(told.participant);
      if (!known) happened.push(...this.#join(told));
      else happened.push(...this.#update(known, told));
      happened.push(...this.#reconcile(this.others.get(told.participant), told.tracks ?? []));
    }
    return happened;
  }

  /**
   * @param {{id: string}} message
   * @returns {{type: string, detail: object}[] | null} `null` for a message that is not about who is here
   */
  handle(message) {
    switch (message.id) {
      case 'participantJoined':
        return this.#join(message);
      case 'participantLeft':
        return this.#leave(message);
      case 'participantAway':
        return this.#change(message.participant, { away: true });
      case 'participantBack':
        return this.#change(message.participant, { away: false });
      case 'moderator':
        return this.#change(message.participant, { moderator: message.moderator });
      case 'quality':
        return message.participants.flatMap(({ participant, level }) => this.#change(participant, { quality: level }));
      case 'trackPublished':
        return this.#publish(this.others.get(message.participant), message.track);
      case 'trackEnded':
        return this.#end(this.others.get(message.participant), message.track);
      case 'trackMuted':
        return this.#mute(message);
      case 'speakers':
        return this.#speak(message);
      default:
        return null;
    }
  }

  #join(told) {
    if (told.participant === this.self?.id || this.others.has(told.participant)) return [];
    const participant = new Participant(told);
    this.others.set(participant.id, participant);
    return [{ type: 'participantjoined', detail: { participant } }];
  }

  #leave({ participant: id, reason }) {
    const participant = this.others.get(id);
    if (!participant) return [];
    const ended = [...participant.tracks.keys()].flatMap((track) => this.#end(participant, track));
    this.others.delete(id);
    const { dominant, loudest } = this.speakers;
    this.speakers = { dominant: dominant === participant ? null : dominant, loudest: loudest.filter((one) => one !== participant) };
    return [...ended, { type: 'participantleft', detail: { participant, reason } }];
  }

  #change(id, changes) {
    const participant = this.find(id);
    return participant ? this.#update(participant, changes) : [];
  }

  #update(participant, told) {
    const changed = CHANGEABLE.filter((key) => told[key] !== undefined && told[key] !== participant[key]);
    for (const key of changed) participant[key] = told[key];
    return changed.length > 0 ? [{ type: 'participantchanged', detail: { participant } }] : [];
  }

  #reconcile(participant, told) {
    const ids = new Set(told.map(({ track }) => track));
    const ended = [...participant.tracks.keys()].filter((id) => !ids.has(id)).flatMap((id) => this.#end(participant, id));
    const news = told.flatMap((description) => {
      const { track, muted } = description;
      if (!participant.tracks.has(track)) return this.#publish(participant, description);
      return this.#mute({ participant: participant.id, track, muted, byModerator: false });
    });
    return [...ended, ...news];
  }

  #publish(participant, told) {
    if (!participant || participant.tracks.has(told.track)) return [];
    const track = new RemoteTrack(participant, told);
    participant.tracks.set(track.id, track);
    return [{ type: 'trackpublished', detail: { participant, track } }];
  }

  #end(participant, id) {
    const track = participant?.tracks.get(id);
    if (!track) return [];
    participant.tracks.delete(id);
    return [{ type: 'trackended', detail: { participant, track } }];
  }

  #mute({ participant: id, track: trackId, muted, byModerator = false }) {
    const participant = this.others.get(id);
    const track = participant?.tracks.get(trackId);
    if (!track || track.muted === muted) return [];
    track.muted = muted;
    return [{ type: 'trackmuted', detail: { participant, track, byModerator } }];
  }

  #speak({ dominant, loudest }) {
    this.speakers = {
      dominant: dominant === null ? null : this.find(dominant),
      loudest: loudest.map((id) => this.find(id)).filter((participant) => participant !== null),
    };
    return [{ type: 'speakers', detail: this.speakers }];
  }
}

/** What may change of a participant while it is there. */
const CHANGEABLE = ['away', 'moderator', 'quality'];
