/** Two soft notes, and a pause, until stopped. Synthesised: there is no sound file to load. */

const NOTES_HZ = [659.3, 523.3];
const NOTE_S = 0.32;
const PERIOD_MS = 2_600;
/** Quiet enough not to startle someone with headphones. */
const LOUDNESS = 0.12;

/** The sound of an incoming call. */
export class Ringtone {
  #audio = null;
  #timer = null;

  /** Rings until `stop`. Silent where the browser does not allow a sound without a click. */
  start() {
    if (this.#timer !== null) return;
    this.#audio ??= new AudioContext();
    this.#audio.resume();
    this.#ring();
    this.#timer = setInterval(() => this.#ring(), PERIOD_MS);
  }

  /** Stops ringing. */
  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    // Suspending, not only waiting for the next pause, cuts the note that may be sounding into an accepted call.
    this.#audio?.suspend();
  }

  #ring() {
    NOTES_HZ.forEach((frequency, index) => {
      const start = this.#audio.currentTime + index * NOTE_S;
      const tone = new OscillatorNode(this.#audio, { frequency });
      const gain = new GainNode(this.#audio, { gain: 0 });
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(LOUDNESS, start + 0.03);
      gain.gain.exponentialRampToValueAtTime(0.001, start + NOTE_S * 1.6);
      tone.connect(gain).connect(this.#audio.destination);
      tone.start(start);
      tone.stop(start + NOTE_S * 1.6);
    });
  }
}
