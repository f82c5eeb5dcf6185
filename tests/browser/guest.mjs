import { hum } from './humming.mjs';
import { openPage } from './page.mjs';
import { connectionStates, encodingsSent, videoStream } from '../shared/peer-watch.mjs';
import { Viewer } from '../shared/viewer.mjs';
import { until } from '../shared/waiting.mjs';

/** One person at the page of a room. The others are asked for by their names. */
export class Guest extends Viewer {
  #close;
  #problems;

  /**
   * Opens the page as somebody who has not entered yet.
   *
   * @param {import('puppeteer-core').Browser} browser
   * @param {string} url of the server
   * @param {string} name the name to give later
   * @param {{story?: number, room?: string, video?: string, accessToken?: string, viewport?: object, hums?: boolean}}
   *   options `room`: empty for a new one that the server names, and else one for each story; `hums`: see humming.mjs
   */
  static async open(browser, url, name, { story = 0, room = `room ${story}`, video, accessToken, viewport, hums = false } = {}) {
    const guest = new Guest();
    guest.name = name;
    const address = new URL('room.html', url);
    if (room) address.searchParams.set('room', room);
    const before = [(page) => page.evaluateOnNewDocument(watchSockets)];
    if (hums) before.push((page) => page.evaluateOnNewDocument(hum));
    const opened = await openPage(browser, address, { video, accessToken, viewport, before });
    guest.page = opened.page;
    guest.#close = opened.close;
    guest.#problems = opened.problems;
    return guest;
  }

  /** Gives the name and enters. */
  async join() {
    await this.tryToJoin();
    await this.isIn('inside');
  }

  /** Gives the name, whatever comes of it. The camera has started before, as for somebody who looks into the mirror. */
  async tryToJoin() {
    await until(`${this.name}'s mirror`, () => this.page.evaluate(() => {
      const isPossible = !new URLSearchParams(location.search).get('video')?.includes('off');
      return !isPossible || document.getElementById('mirror-video').videoWidth > 0;
    }));
    await this.page.$eval('#entrance-name', (field) => { field.value = ''; });
    await this.page.type('#entrance-name', this.name);
    await this.press('entrance-submit');
  }

  /** Waits for a place of `web/room/visit.js`. */
  async isIn(place) {
    const look = () => this.page.evaluate(() => ({
      place: document.body.dataset.place,
      refusal: document.getElementById('entrance-error').textContent, // a failure is explained by it
    }));
    await until(`${this.name} to be ${place}`, look, (seen) => seen.place === place);
  }

  /** Waits until the entrance says why not. */
  refusal(pattern) {
    return until(`a refusal like ${pattern}`, () => this.text('entrance-error'), (text) => pattern.test(text));
  }

  /** Presses a button. */
  async press(id) {
    await this.page.click(`#${id}`);
  }

  /** Presses a button by its accessible name. */
  async pressNamed(label) {
    await this.page.click(`button[aria-label="${label}"]`);
  }

  /** The text of an element as it is now. */
  text(id) {
    return this.page.$eval(`#${id}`, (element) => element.textContent);
  }

  /** Waits until an element says something of this kind. */
  reads(id, pattern) {
    return until(`${this.name} to read ${pattern} in ${id}`, () => this.text(id), (text) => pattern.test(text));
  }

  /** Waits until these other people, and no more, have tiles. */
  async isWith(...others) {
    const names = others.map(({ name }) => name).sort();
    const look = () => this.page.$$eval('.tile[data-source="camera"][data-own="false"]', (tiles) =>
      tiles.map((tile) => tile.querySelector('.tile-name').textContent).sort());
    await until(`${this.name} to be with ${names.join(', ') || 'nobody'}`, look, (seen) => JSON.stringify(seen) === JSON.stringify(names));
  }

  /** Waits until the camera of each of these moves, and each is heard. */
  async seesAndHearsAll(...others) {
    for (const other of others) {
      await this.seesPictureOf(other);
      await this.hearsSoundOf(other);
    }
  }

  /** Waits until somebody's camera, or screen, shows a moving picture. */
  async seesPictureOf(other, source = 'camera') {
    await this.sees(await this.videoOf(other, source));
  }

  /** Waits until somebody is heard. */
  async hearsSoundOf(other) {
    await this.hears(await this.#audioOf(other));
  }

  /** Waits until a second of silence has come from somebody. */
  async hearsNothingOf(other) {
    await this.hearsSilence(await this.#audioOf(other));
  }

  /** Waits until somebody's tile has a class, or has lost it. */
  async tileOf(other, name, has = true) {
    const look = () => this.page.evaluate(classesOf, other.name);
    await until(`${this.name} to see ${other.name} ${has ? '' : 'not '}${name}`, look, (seen) => seen?.includes(name) === has);
  }

  /** Waits until somebody's tile says something of this kind. */
  async tileSays(other, pattern) {
    const look = () => this.page.evaluate(labelOf, other.name);
    await until(`${this.name} to see ${other.name}'s tile say ${pattern}`, look, (seen) => pattern.test(seen ?? ''));
  }

  /** What the browser's statistics say of somebody's picture. */
  async reception(other, source = 'camera') {
    return this.page.evaluate(videoStream, await this.videoOf(other, source));
  }

  /** The encodings of our own camera, by rid: whether each is on, and how many bytes it has sent. */
  encodingsSent() {
    return this.page.evaluate(encodingsSent);
  }

  /** The identifier of the element that shows somebody, once it plays. */
  videoOf(other, source = 'camera') {
    const label = source === 'screen' ? `${other.name}: screen` : other.name;
    return until(`${this.name} to get ${label}`, () => this.page.evaluate(playingVideo, label, source));
  }

  /** Writes to everybody, with the chat open. */
  async write(text) {
    await this.opens('chat');
    await this.page.type('#chat-text', text);
    await this.page.keyboard.press('Enter');
    await this.#readsMessage(text);
  }

  /** Waits until the chat has a message. */
  async hasRead(text) {
    await this.opens('chat');
    await this.#readsMessage(text);
  }

  /** Opens a panel if it is closed. */
  async opens(panel) {
    if (await this.page.$eval(`#${panel}`, ({ hidden }) => hidden)) await this.press(`toggle-${panel}`);
  }

  /** Cuts the socket to the server, and lets no new one get there. */
  async losesSocket() {
    await this.page.evaluate(() => {
      window.keelIsCut = true;
      window.keelSockets.at(-1).close(4000);
    });
  }

  /** Lets sockets through again, and has the page try at once. */
  async findsServerAgain() {
    await this.page.evaluate(() => {
      window.keelIsCut = false;
      document.getElementById('banner-retry').click(); // in one breath: the page may have tried by itself otherwise
    });
  }

  /** The states of all connections that this page has made. */
  connectionStates() {
    return this.page.evaluate(connectionStates);
  }

  /** Loads the page again, and waits for its entrance. */
  async reload() {
    await this.page.reload();
    await this.isIn('entrance');
  }

  /** Leaves for good. Throws if the page had an error that nobody caught. */
  async leave() {
    await this.#close();
    if (this.#problems.length > 0) throw new Error(`errors in ${this.name}'s page: ${this.#problems.join('; ')}`);
  }

  async #readsMessage(text) {
    const look = () => this.page.$$eval('.message-text', (messages) => messages.map(({ textContent }) => textContent));
    await until(`${this.name} to read "${text}"`, look, (seen) => seen.includes(text));
  }

  #audioOf(other) {
    return until(`${this.name} to get ${other.name}'s sound`, () => this.page.evaluate(playingAudio, other.name));
  }
}

/** What runs inside the page; each is complete in itself. */

function watchSockets() {
  const Native = window.WebSocket;
  window.keelSockets = [];
  window.WebSocket = class WebSocket extends Native {
    constructor(address, ...settings) {
      super(window.keelIsCut ? new URL('/nothing', address) : address, ...settings);
      window.keelSockets.push(this);
    }
  };
}

function playingVideo(label, source) {
  const tiles = [...document.querySelectorAll(`.tile[data-source="${source}"]`)];
  const tile = tiles.find((candidate) => candidate.querySelector('.tile-name').textContent === label);
  const video = tile?.querySelector('video');
  return video?.srcObject ? video.id : null;
}

function playingAudio(name) {
  const tiles = [...document.querySelectorAll('.tile[data-source="camera"]')];
  const tile = tiles.find((candidate) => candidate.querySelector('.tile-name').textContent === name);
  const audio = tile && document.querySelector(`audio[data-participant="${tile.dataset.participant}"][data-source="microphone"]`);
  return audio?.srcObject ? audio.id : null;
}

function classesOf(name) {
  const tiles = [...document.querySelectorAll('.tile[data-source="camera"]')];
  const tile = tiles.find((candidate) => candidate.querySelector('.tile-name').textContent === name);
  return tile ? [...tile.classList] : null;
}

function labelOf(name) {
  const tiles = [...document.querySelectorAll('.tile[data-source="camera"]')];
  return tiles.find((candidate) => candidate.querySelector('.tile-name').textContent === name)?.ariaLabel ?? null;
}
