import { observe, reception } from './peer-watch.mjs';
import { until } from './waiting.mjs';

/**
 * Whoever sits at a page and sees and hears what plays in its video elements. Each question is about one element; where
 * none is named, about the one called `remote-video`.
 */
export class Viewer {
  /** Who it is, for the words of a failure. */
  name = '';
  /** The page, see puppeteer. */
  page = null;

  /** Waits until picture and sound arrive: frames are decoded, the picture moves and is not black, and is heard. */
  async seesAndHears(video) {
    await this.sees(video);
    await this.hears(video);
  }

  /** Waits until the picture of the other side moves and is not black. */
  async sees(video) {
    const isSeen = (from, now) =>
      now.framesDecoded >= from.framesDecoded + 5 && now.picture !== from.picture && now.brightness > VISIBLE;
    await this.#compared('a moving picture', video, isSeen);
  }

  /** Waits until sound arrives. */
  async hears(video) {
    await this.#compared('sound', video, (from, now) => now.audioEnergy > from.audioEnergy + AUDIBLE);
  }

  /** Waits until a second of sound has arrived in which there was nothing to hear. */
  async hearsSilence(video) {
    let from = await this.observe(video);
    await until('a second of silence', async () => {
      const now = await this.observe(video);
      if (now.audioEnergy > from.audioEnergy + AUDIBLE) from = now; // not yet: begin again
      return now.audioSeconds - from.audioSeconds;
    }, (seconds) => seconds >= 1);
  }

  /** Waits until frames arrive that are black. */
  async seesBlack(video) {
    await this.#compared('a black picture', video, (from, now) => now.framesDecoded > from.framesDecoded && now.brightness <= VISIBLE);
  }

  /** See `observe` in peer-watch.mjs. */
  observe(video = 'remote-video') {
    return this.page.evaluate(observe, video);
  }

  /** What the browser's statistics say of what it receives, of one kind; empty before there is any. */
  reception(kind) {
    return this.page.evaluate(reception, kind);
  }

  async #compared(what, video, isSo) {
    const from = await this.observe(video);
    const { now } = await until(
      `${this.name} to get ${what}`,
      async () => ({ from, now: await this.observe(video) }),
      ({ now }) => isSo(from, now),
    );
    return now;
  }
}

/** Brighter than what video coding makes of black; the pattern of the fake camera has far brighter spots. */
const VISIBLE = 60;
/** Energy of a sound, in the unit of `totalAudioEnergy`: far below a beep of the fake microphone, above comfort noise. */
const AUDIBLE = 1e-4;
