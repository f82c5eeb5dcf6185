import { after, afterEach, before, describe } from 'node:test';
import { launchChromium } from '../shared/browser.mjs';
import { Keel } from '../shared/keel.mjs';
import { Seat } from './seat.mjs';

/** A server and a browser for some stories, and the seats of the story that is being told. */
export class Stage {
  /** The server. */
  keel = null;
  /** The browser in which seats are opened unless another is named. */
  browser = null;
  /** The options of its seats: see `open` of the person. */
  seating = {};
  /** Who sits there: `Seat` at the page for calls, `Guest` at the room's. */
  person = Seat;
  #seats = [];
  #taken = 0;
  #stories = 0;

  /**
   * Opens a page for somebody who has not joined. No two seats of a stage have the same name.
   *
   * @param {string} name
   * @param {{browser?: object, seating?: object, person?: typeof Seat}} where if not in the stage's browser, not by its
   *   options, or at another page
   */
  async arrive(name, where = {}) {
    this.#taken += 1;
    return this.#open(`${name} ${this.#taken}`, where);
  }

  /** Opens a second page for the same person. */
  async arriveAgain(seat) {
    return this.#open(seat.name);
  }

  /** Opens a page and joins under a name. */
  async seat(name, where = {}) {
    const seat = await this.arrive(name, where);
    await seat.join();
    return seat;
  }

  /** Two seats, the first calling the second, up to the moment when both have their answers. */
  async callBetween(caller, callee) {
    await caller.callFromList(callee.name);
    await callee.rings();
    await callee.press('incoming-accept');
    await caller.isIn('talking');
    await callee.isIn('talking');
  }

  /** Ends a story: everybody leaves, and the server must hold nothing of them. */
  async clear() {
    this.#stories += 1;
    const departures = await Promise.allSettled(this.#seats.splice(0).map((seat) => seat.leave()));
    const failures = departures.filter(({ status }) => status === 'rejected').map(({ reason }) => reason);
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
    await this.keel.holdsNothing();
  }

  async #open(name, { browser = this.browser, seating = this.seating, person = this.person } = {}) {
    const seat = await person.open(browser, this.keel.url, name, { story: this.#stories, ...seating });
    this.#seats.push(seat);
    return seat;
  }
}

/**
 * Tells the same stories with one worker, and with two that have the two sides of each call apart. After each of them
 * the server must hold nothing.
 *
 * @param {string} title
 * @param {{server?: object, browser?: object, seating?: object, person?: typeof Seat}} options of `Keel.start`,
 *   `launchChromium` and the `open` of who comes
 * @param {(stage: Stage) => void} stories declares them
 */
export function tell(title, { server = {}, browser = {}, seating = {}, person = Seat }, stories) {
  for (const workers of [1, 2]) {
    describe(`${title}, with ${workers === 1 ? 'one worker' : 'its sides on two workers'}`, () => {
      const stage = new Stage();
      before(async () => {
        stage.keel = await Keel.start({ workers, placement: workers === 1 ? 'together' : 'spread', ...server });
        stage.seating = seating;
        stage.person = person;
        stage.browser = await launchChromium(browser);
      });
      afterEach(() => stage.clear());
      after(async () => {
        await stage.browser?.close();
        await stage.keel?.stop();
      });
      stories(stage);
    });
  }
}
