import { keepDiary, sendings } from '../shared/peer-watch.mjs';
import { until } from '../shared/waiting.mjs';
import { OneToMany } from './apps/one-to-many.mjs';

/** A presentation in layers, and those who view it. */
export class Presentation {
  #theatre;
  #app;
  #presenter;

  /**
   * Begins one, and waits until all of it is sent.
   *
   * @param {import('./theatre.mjs').Theatre} theatre
   * @param {string} sends what of `pages/presenter.js`
   */
  static async begin(theatre, sends) {
    const presentation = new Presentation();
    presentation.#theatre = theatre;
    presentation.#app = await theatre.runs(OneToMany);
    presentation.#presenter = await theatre.visitor(`presenter?sends=${sends}`, 'Ada');
    await presentation.#presenter.press('present');
    await presentation.#presenter.isIn('presenting');
    await until('everything to be sent', () => presentation.sent(), (sent) => sent.length > 0 && sent.every(isWhole));
    return presentation;
  }

  /** Lets somebody view it, and waits until they see and hear it. */
  async joinedBy(name, network) {
    const viewer = await this.#theatre.visitor('one-to-many', name, network);
    await viewer.press('view');
    await viewer.isIn('viewing');
    await viewer.seesAndHears();
    await viewer.page.evaluate(keepDiary);
    return viewer;
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

function isWhole({ framesEncoded }) {
  return framesEncoded > 20;
}
