import { watchPeers } from '../shared/peer-watch.mjs';
import { Viewer } from '../shared/viewer.mjs';
import { until } from '../shared/waiting.mjs';

/** One person at a page of an application. */
export class Visitor extends Viewer {
  #context;
  #problems = [];

  /**
   * Opens a page and waits until it is ready.
   *
   * @param {import('puppeteer-core').Browser} browser
   * @param {string} url of the page
   * @param {string} name of the person
   * @param {BadNetwork} [network] between the page and the server: see ../shared/bad-network.mjs
   */
  static async open(browser, url, name, network) {
    const visitor = new Visitor();
    visitor.name = name;
    visitor.#context = await browser.createBrowserContext();
    visitor.page = await visitor.#context.newPage();
    visitor.page.on('pageerror', (error) => visitor.#problems.push(String(error)));
    await visitor.page.evaluateOnNewDocument(watchPeers);
    await network?.surround(visitor.page);
    await visitor.page.goto(url);
    await visitor.isIn('ready');
    return visitor;
  }

  /** Presses a button. */
  async press(id) {
    await this.page.$eval(`#${id}`, (button) => button.click());
  }

  /** Writes into a field. */
  async write(id, text) {
    await this.page.$eval(`#${id}`, (field, value) => {
      field.value = value;
    }, text);
  }

  /** Waits until the page is in a state of its `enter`. */
  async isIn(state) {
    const look = () => this.page.evaluate(() => document.body.dataset.state);
    const isSo = (seen) => seen === state || this.#problems.length > 0;
    await until(`${this.name}'s page to be ${state}`, look, isSo);
    this.#failOnProblems();
  }

  /** What an element says. */
  text(id) {
    return this.page.$eval(`#${id}`, (element) => element.textContent);
  }

  /** Waits until the video element of somebody has gone. */
  async seesNoMore(video) {
    await until(`${this.name} to see no ${video}`, () => this.page.$(`#${video}`), (element) => element === null);
  }

  /** Leaves for good. @throws {Error} if the page had an error that nobody caught */
  async leave() {
    await this.#context.close();
    this.#failOnProblems();
  }

  #failOnProblems() {
    if (this.#problems.length > 0) throw new Error(`errors in ${this.name}'s page: ${this.#problems.join('; ')}`);
  }
}
