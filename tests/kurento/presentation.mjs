import { keepDiary, sendings } from '../shared/peer-watch.mjs';
import { until } from '../shared/waiting.mjs';
import { OneToMany } from './apps/one-to-many.mjs';

/** The start of a presentation has passed once this many frames of each encoding were made. */
const BEGUN = 10;

/** A presentation in layers, and those who view it. */
export class Presentation {
  #theatre;
  #app;
  #presenter;

  /**
   * Begins one, and waits until all of its encodings are sent.
   *
   * @param {import('./theatre.mjs').Theatre} theatre
   * @param {string} sends what of `pages/presenter.js`
   * @param {number} encodings how many these are
   */
  static async begin(theatre, sends, encodings) {
    const presentation = new Presentation();
    presentation.#theatre = theatre;
    presentation.#app = await theatre.runs(OneToMany);
    presentation.#presenter = await theatre.visitor(`presenter?sends=${sends}`, 'Ada');
    await presentation.#presenter.press('present');
    await presentation.#presenter.isIn('presenting');
    const isBegun = (sent) => sent.length === encodings && sent.every(({ framesEncoded }) => framesEncoded >= BEGUN);
    await until(`${encodings} encodings to be sent`, () => presentation.sent(), isBegun);
    return presentation;
  }

  /** Lets somebody view it, through a bad network where one is given, and waits until they see and hear it. */
  async joinedBy(name, network) {
    const visitor = await this.#theatre.visitor('one-to-many', name, network);
    await visitor.press('view');
    await visitor.isIn('viewing');
    await visitor.seesAndHears();
    await visitor.page.evaluate(keepDiary);
    return new Onlooker(visitor);
  }

  /** The endpoints of those who view it, in the order in which they came. */
  get endpoints() {
    return this.#app.viewers;
  }

  /** What the presenter's browser says of each encoding that it sends. */
  sent() {
    return this.#presenter.page.evaluate(sendings, 'video');
  }

  /** How often the presenter was asked for a keyframe, of whatever encoding. */
  async keyframeRequests() {
    return (await this.sent()).reduce((sum, { pliCount, firCount }) => sum + pliCount + firCount, 0);
  }
}

/** Somebody who views a presentation, and what they have seen of it since a moment. */
class Onlooker {
  #visitor;
  #begun = null;

  constructor(visitor) {
    this.#visitor = visitor;
  }

  get name() {
    return this.#visitor.name;
  }

  /** Begins to count. */
  async beginToCount() {
    this.#begun = await this.#counters();
    await this.#visitor.page.evaluate(() => {
      window.keelDiary = [];
    });
  }

  /** Waits until the picture's width is of some kind, and goes on for so many frames. */
  async shows(what, isSo, frames = 10) {
    await this.#until(`a picture ${what}`, ({ frameWidth }) => isSo(frameWidth));
    await this.goesOnFor(frames);
  }

  /** Waits until so many frames more have been decoded. */
  async goesOnFor(frames) {
    const { framesDecoded } = await this.#visitor.reception('video');
    await this.#until(`${frames} frames more`, (seen) => seen.framesDecoded >= framesDecoded + frames);
  }

  /** Waits until the statistics of the video are of some kind. */
  #until(what, isSo) {
    return until(`${this.name} to see ${what}`, () => this.#visitor.reception('video'), isSo, PATIENCE_MS);
  }

  /**
   * What happened since it began to count, once every frame that came has been decoded.
   *
   * @returns {Promise<{widths: number[], stillMs: number, frames: number, lost: number,
   *   keyframeRequests: number, audioLost: number, audioEnergy: number, concealed: number}>} `widths`
   *   in turn; `stillMs`: the longest time without a new frame; `lost`: packets of the video; `concealed`: the share of
   *   the sound that was made up
   */
  async account() {
    // What has come is about to be decoded, if it can be; behind a loss it may be dropped.
    await this.#until('what has come', ({ framesReceived, framesDecoded, framesDropped }) =>
      framesReceived - framesDecoded - framesDropped <= ABOUT_TO_BE);
    const [begun, now] = [this.#begun, await this.#counters()];
    const diary = await this.#visitor.page.evaluate(() => window.keelDiary);
    const since = (kind, field) => now[kind][field] - begun[kind][field];
    return {
      widths: diary.map(({ width }) => width).filter((width, place, all) => width !== all[place - 1]),
      stillMs: longestStill(diary),
      frames: since('video', 'framesDecoded'),
      lost: since('video', 'packetsLost'),
      keyframeRequests: since('video', 'pliCount') + since('video', 'firCount'),
      audioLost: since('audio', 'packetsLost'),
      audioEnergy: since('audio', 'totalAudioEnergy'),
      concealed: since('audio', 'concealedSamples') / since('audio', 'totalSamplesReceived'),
    };
  }

  async #counters() {
    return { video: await this.#visitor.reception('video'), audio: await this.#visitor.reception('audio') };
  }
}

/** To climb to the best encoding takes seconds by itself, and shared cores may make several times as much of it. */
const PATIENCE_MS = 60_000;

/** Frames that wait for their turn, at most. */
const ABOUT_TO_BE = 2;

function longestStill(diary) {
  let [last] = diary;
  let longest = 0;
  for (const entry of diary) {
    longest = Math.max(longest, entry.at - last.at);
    if (entry.framesDecoded > last.framesDecoded) last = entry;
  }
  return longest;
}
