/** How loud a microphone is, for a meter that shows that it works. */
export class Level {
  #context = null;
  #source = null;
  #analyser = null;
  #samples = null;

  /** @param {MediaStreamTrack | null} track what to listen to from now on */
  listen(track) {
    this.#source?.disconnect();
    this.#source = null;
    if (!track) return;
    this.#context ??= new AudioContext();
    this.#analyser ??= new AnalyserNode(this.#context, { fftSize: 1024 });
    this.#samples ??= new Float32Array(this.#analyser.fftSize);
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#source.connect(this.#analyser);
  }

  /** @returns {number} 0 for silence to 1 for as loud as it gets, over the last 20 ms or so */
  read() {
    if (!this.#source) return 0;
    // A page that nobody has touched may not run one; a press of any button lets it.
    if (this.#context.state === 'suspended') this.#context.resume();
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    return loudness(power);
  }

  /** Gives everything back. */
  close() {
    this.listen(null);
    this.#context?.close();
    this.#context = null;
    this.#analyser = null;
  }
}

/**
 * As ears hear: equal steps for equal ratios, from the hiss of a quiet room to a raised voice.
 *
 * @param {number} power the mean square of samples between -1 and 1
 * @returns {number} 0 to 1
 */
export function loudness(power) {
  if (power <= 0) return 0;
  const decibels = 10 * Math.log10(power);
  return Math.min(1, Math.max(0, (decibels - QUIET_DB) / (LOUD_DB - QUIET_DB)));
}

const QUIET_DB = -60;
const LOUD_DB = -12;
