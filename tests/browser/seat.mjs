import { drawDevices } from './drawn-devices.mjs';
import { relayOnly } from './relay-only.mjs';
import { tcpOnly } from './tcp-only.mjs';
import { openPage } from './page.mjs';
import { connectionStates, offeredHosts, pictureBitrate, selectedPath, srtpCipher } from '../shared/peer-watch.mjs';
import { Viewer } from '../shared/viewer.mjs';
import { until } from '../shared/waiting.mjs';

/** One person at one page. */
export class Seat extends Viewer {
  #close;
  #problems;

  /**
   * Opens the page as somebody who has not given a name yet.
   *
   * @param {import('puppeteer-core').Browser} browser
   * @param {string} url of the server
   * @param {string} name the name to give later
   * @param {{drawn?: boolean, accessToken?: string, video?: string, network?: BadNetwork, relay?: string, relayPort?: number, tcp?: boolean}} options `drawn`: see
   *   drawn-devices.mjs; `video`: see `web/options.js`; `network`: see ../shared/bad-network.mjs; `relay`: how to reach
   *   the TURN server, and `relayPort`: a port of 127.0.0.1 to reach it by, see relay-only.mjs; `tcp`: see tcp-only.mjs
   */
  static async open(browser, url, name, { drawn = false, accessToken, video, network, relay, relayPort, tcp = false } = {}) {
    const seat = new Seat();
    seat.name = name;
    const before = [];
    if (network) before.push((page) => network.surround(page));
    if (relay) before.push((page) => page.evaluateOnNewDocument(relayOnly, relay, relayPort));
    if (tcp) before.push((page) => page.evaluateOnNewDocument(tcpOnly));
    if (drawn) before.push((page) => page.evaluateOnNewDocument(drawDevices));
    const opened = await openPage(browser, new URL('call.html', url), { video, accessToken, before });
    seat.page = opened.page;
    seat.#close = opened.close;
    seat.#problems = opened.problems;
    return seat;
  }

  /** Gives the name, and waits until the server has accepted it. */
  async join(secret = '') {
    await this.tryToJoin(secret);
    await this.isIn('ready');
  }

  /** Gives the name, whatever comes of it. */
  async tryToJoin(secret = '') {
    await this.page.type('#register-name', this.name);
    if (secret) {
      await this.page.click('#register-claim summary');
      await this.page.type('#register-secret', secret);
    }
    await this.page.click('#register-submit');
  }

  /** Waits for the refusal of the name. */
  refusal() {
    return until('a refusal of the name', () => this.#text('#register-error'));
  }

  /** Waits until somebody is in the list of who is online. */
  async lists(name) {
    await until(`${name} in the list`, () => this.#isListed(name));
  }

  /** Waits until somebody is not in that list any more. */
  async listsNoMore(name) {
    await until(`${name} gone from the list`, async () => !(await this.#isListed(name)));
  }

  /** Calls by the button beside a name in that list. */
  async callFromList(name) {
    await this.lists(name);
    await this.page.click(callButton(name));
  }

  /** Calls by typing a name. */
  async callByName(name) {
    await this.page.type('#dial-name', name);
    await this.page.click('#dial-submit');
  }

  /** Waits for the dialog of an incoming call, and for whom it names. */
  async rings() {
    await this.isIn('ringing');
    return this.#text('#incoming-title');
  }

  /** Presses a button. */
  async press(id) {
    await this.page.click(`#${id}`);
  }

  /** Waits for a phase of `web/call/phone.js`. */
  async isIn(phase) {
    const look = () => this.page.evaluate(() => ({
      phase: document.body.dataset.phase,
      notice: document.getElementById('notice').textContent, // not needed, but a failure is explained by it
    }));
    await until(`${this.name} to be ${phase}`, look, (seen) => seen.phase === phase);
  }

  /** Waits until the lobby says something of this kind about the last call. */
  notice(pattern) {
    return until(`a notice like ${pattern}`, () => this.#text('#notice'), (text) => pattern.test(text));
  }

  /** The text of an element as it is now. */
  text(id) {
    return this.#text(`#${id}`);
  }

  /** The SRTP cipher in use, once the statistics have it. */
  srtpCipher() {
    return until('an SRTP cipher', () => this.page.evaluate(srtpCipher));
  }

  /** Waits until congestion control lets the own picture have this many bits per second. */
  async maySend(bitrate) {
    const look = () => this.page.evaluate(pictureBitrate);
    await until(`${bitrate} bit/s for ${this.name}'s picture`, look, (seen) => seen >= bitrate);
  }

  /** The host addresses that this browser has offered, once there is one or gathering is over. */
  offeredHosts() {
    return until('host candidates', () => this.page.evaluate(offeredHosts));
  }

  /** How media reaches the server, once the statistics have it. */
  path() {
    return until('a pair of candidates in use', () => this.page.evaluate(selectedPath));
  }

  /** The URLs of TURN servers that the server tells. */
  turnUrls() {
    return this.page.evaluate(async () => {
      const response = await fetch('api/config');
      const { iceServers } = await response.json();
      return iceServers.flatMap(({ urls }) => urls);
    });
  }

  /** The states of all connections that this page has made. */
  connectionStates() {
    return this.page.evaluate(connectionStates);
  }

  /** Forgets the errors of the page so far, in a story that caused them on purpose. */
  forgetProblems() {
    this.#problems.length = 0;
  }

  /** Closes the tab without a word, as people do. */
  async closeTab() {
    await this.page.close();
  }

  /** Leaves for good. Throws if the page had an error that nobody caught. */
  async leave() {
    await this.#close();
    if (this.#problems.length > 0) throw new Error(`errors in ${this.name}'s page: ${this.#problems.join('; ')}`);
  }

  async #isListed(name) {
    return (await this.page.$(callButton(name))) !== null;
  }

  #text(selector) {
    return this.page.$eval(selector, (element) => element.textContent);
  }
}

function callButton(name) {
  return `#online button[aria-label="Call ${name}"]`;
}
