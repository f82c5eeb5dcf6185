import { readFileSync } from 'node:fs';
import { chromiumOffer } from './offers.mjs';

/**
 * Frames of kurento-client as they went over the wire, against a recording stub. The client's side is exact; the stub
 * agreed to everything, so that its answers have KMS's form and not always its content: see `REFUSALS`.
 */
export class Recording {
  /** @type {{kind: 'open' | 'close' | 'request' | 'answer' | 'event', message: object}[]} */
  steps;

  /** @param {string} name of a file in wire/ */
  constructor(name) {
    const text = readFileSync(new URL(`wire/${name}.jsonl`, import.meta.url), 'utf8');
    const lines = text.trim().split('\n').map((line) => JSON.parse(line));
    this.steps = lines.map(({ dir, msg }) => ({ kind: kindOf(dir, msg), message: msg }));
    this.#label();
  }

  /** The step with the answer to a request of the same socket. */
  answerTo(request) {
    return this.steps.find(({ kind, message, socket }) =>
      kind === 'answer' && message.id === request.message.id && socket === request.socket);
  }

  /**
   * Gives each step the number of its socket, which the recording does not name: a session stays on the socket that
   * it was first seen on, until that is closed and the next one takes it over.
   */
  #label() {
    const socketBySession = new Map();
    let open = [];
    let opened = 0;
    for (const [place, step] of this.steps.entries()) {
      if (step.kind === 'open') {
        step.socket = opened;
        open.push(opened);
        opened += 1;
      } else if (step.kind === 'close') {
        step.socket = open[0];
        open = open.slice(1);
      } else {
        const session = sessionOf(step.message) ?? this.#sessionOfAnswer(place);
        const known = socketBySession.get(session);
        const free = open.find((socket) => ![...socketBySession.values()].includes(socket));
        step.socket = open.includes(known) ? known : session === undefined ? open[0] : (free ?? open[0]);
        if (session !== undefined) socketBySession.set(session, step.socket);
      }
    }
  }

  /** The session that the next answer with a request's id names. */
  #sessionOfAnswer(place) {
    const { id } = this.steps[place].message;
    const answer = this.steps.slice(place).find(({ kind, message }) => kind === 'answer' && message.id === id);
    return answer?.message.result?.sessionId;
  }
}

/** Where a real server answers otherwise than the stub, and why. By recording and id of the request. */
export const REFUSALS = {
  scenario1: {
    29: { code: 40111, why: 'the endpoint was made without data channels' },
    39: { code: 40108, why: 'RecorderEndpoint belongs to a later issue' },
    43: { code: 40108, why: 'PlayerEndpoint belongs to a later issue' },
    49: { code: 40108, why: 'Composite needs decoding' },
    53: { code: 40108, why: 'GStreamerFilter needs decoding' },
    54: { code: 40108, why: 'FaceOverlayFilter needs decoding' },
  },
  scenario2: {
    6: { code: 40108, why: 'Composite needs decoding' },
  },
};

/** As `REFUSALS`, for operations inside of transactions: by id of the transaction, then of the operation. */
export const REFUSALS_WITHIN = {
  scenario3: { 6: { 1: { code: 40001, why: 'there is no media type NOPE' } } },
};

/** What the recorded application sent instead of an offer; a real server needs a real one. */
export function withRealOffer(text) {
  return text.replaceAll(JSON.stringify('v=0 offer'), JSON.stringify(chromiumOffer()));
}

function kindOf(direction, message) {
  if (direction === 'OPEN') return 'open';
  if (direction === 'CLOSE') return 'close';
  if (direction === 'C>S') return 'request';
  return message.method === 'onEvent' ? 'event' : 'answer';
}

function sessionOf({ params, result }) {
  return result?.sessionId ?? params?.sessionId;
}
