import { openPage } from './page.mjs';
import { Viewer } from '../shared/viewer.mjs';
import { until } from '../shared/waiting.mjs';

/** Somebody at one of the pages of livestreams. */
class Visitor extends Viewer {
  #close;
  #problems;

  static async at(browser, address, name, options = {}) {
    const visitor = new this();
    visitor.name = name;
    const opened = await openPage(browser, address, options);
    visitor.page = opened.page;
    visitor.#close = opened.close;
    visitor.#problems = opened.problems;
    return visitor;
  }

  /** Presses a button. */
  async press(id) {
    await this.page.click(`#${id}`);
  }

  /** The text of an element as it is now. */
  text(id) {
    return this.page.$eval(`#${id}`, (element) => element.textContent);
  }

  /** Waits until an element says something of this kind. */
  reads(id, pattern) {
    return until(`${this.name} to read ${pattern} in ${id}`, () => this.text(id), (text) => pattern.test(text));
  }

  /** Waits for a phase of the page's script. */
  async isIn(phase) {
    const look = () => this.page.evaluate(() => ({
      phase: document.body.dataset.phase,
      words: (document.getElementById('error') ?? document.getElementById('message-text')).textContent, // a failure is explained by it
    }));
    await until(`${this.name} to be ${phase}`, look, (seen) => seen.phase === phase);
  }

  /** Peer connections that the page has made since it was loaded. */
  connections() {
    return this.page.evaluate(() => window.keelPeers.length);
  }

  /** Leaves for good. Throws if the page had an error that nobody caught. */
  async leave() {
    await this.#close();
    if (this.#problems.length > 0) throw new Error(`errors in ${this.name}'s page: ${this.#problems.join('; ')}`);
  }
}

/** Somebody at the live studio. */
export class Presenter extends Visitor {
  /** @param {{stream?: string}} options and those of `openPage`; without a stream the page draws a name */
  static open(browser, url, name, { stream, ...options } = {}) {
    const address = new URL('live', url);
    if (stream) address.searchParams.set('stream', stream);
    return Presenter.at(browser, address, name, options);
  }

  /** Presses the button, with the camera started, and waits until viewers can see it. */
  async goesLive() {
    await until(`${this.name}'s mirror`, () => this.page.$eval('#mirror-video', ({ videoWidth }) => videoWidth > 0));
    await this.press('go');
    await this.isIn('live');
  }

  /** Ends the stream, and says so again when asked. */
  async ends() {
    await this.press('end');
    await this.press('confirm-yes');
    await this.isIn('over');
  }

  /** The link for viewers. */
  link() {
    return this.page.$eval('#link', ({ value }) => value);
  }
}

/** Somebody at the page of a viewer. */
export class Spectator extends Visitor {
  /** @param {{stream: string}} options and those of `openPage` */
  static open(browser, url, name, { stream, ...options }) {
    return Spectator.at(browser, new URL(`watch/${encodeURIComponent(stream)}`, url), name, options);
  }

  /** Waits until the picture moves and is heard. */
  async watches() {
    await this.isIn('playing');
    await this.seesAndHears('video');
  }

  /** Chooses a quality by its name. */
  async chooses(quality) {
    const choice = await until(`the quality ${quality}`, () => this.page.$$eval('#quality option', (options, text) => options.find((option) => option.text === text)?.value, quality));
    await this.page.select('#quality', choice);
  }

  /** What has come of the picture: its width, and the bytes so far. */
  async picture() {
    const { frameWidth = 0, bytesReceived = 0 } = await this.reception('video');
    return { frameWidth, bytesReceived };
  }
}
