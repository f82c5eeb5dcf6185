import { drawFace, setText } from '../dom.js';
import { icon } from '../icon.js';

/**
 * One tile: somebody's camera, or a shared screen. Draws what it is told, and decides nothing.
 */
export class Tile {
  element = document.createElement('div');
  video = document.createElement('video');
  #face = document.createElement('span');
  #name = document.createElement('span');
  #quality = icon('quality');
  #note = document.createElement('p');
  #pin = document.createElement('button');
  #reaction = document.createElement('p');

  /**
   * @param {{source: 'camera' | 'screen', isOwn: boolean}} what
   * @param {() => void} pinned called when it is to be pinned, or no longer
   */
  constructor({ source, isOwn }, pinned) {
    const { element, video } = this;
    element.className = 'tile';
    element.dataset.source = source;
    element.dataset.own = String(isOwn);
    element.setAttribute('role', 'group');
    // Where nothing hovers there is no room for a pin in every tile: a touch of the tile is one.
    element.addEventListener('click', ({ pointerType, target }) => {
      if (pointerType === 'touch' && !this.#pin.contains(target)) pinned();
    });
    video.autoplay = true;
    video.muted = true; // sound has elements of its own, which go on while a tile is not shown
    video.playsInline = true;
    video.className = 'tile-picture';
    video.addEventListener('resize', () => this.#looked());
    video.addEventListener('emptied', () => this.#looked());
    this.#face.className = 'face tile-face';
    this.#face.setAttribute('aria-hidden', 'true');
    this.#note.className = 'tile-note';
    this.#reaction.className = 'tile-reaction';
    this.#reaction.setAttribute('aria-hidden', 'true'); // announced in words elsewhere
    this.#reaction.addEventListener('animationend', () => this.#reaction.replaceChildren());
    this.#pin.type = 'button';
    this.#pin.className = 'tile-pin';
    this.#pin.append(icon('pin'));
    this.#pin.addEventListener('click', pinned);
    const foot = document.createElement('p');
    foot.className = 'tile-foot';
    this.#name.className = 'tile-name';
    this.#quality.classList.add('tile-quality');
    foot.append(icon('microphone-off', 'tile-muted'), this.#name, this.#quality);
    element.append(video, this.#face, this.#note, foot, this.#reaction, this.#pin);
  }

  /**
   * @param {{name: string, label: string, isMuted: boolean, isPictured: boolean, isSpeaking: boolean, note: string,
   *   quality: string | null, isPinned: boolean}} state `label` is the name as shown; `isPictured`: whether there is a
   *   picture to be shown as soon as it arrives
   */
  draw({ name, label, isMuted, isPictured, isSpeaking, note, quality, isPinned }) {
    const { element } = this;
    drawFace(this.#face, name);
    setText(this.#name, label);
    setText(this.#note, note);
    element.classList.toggle('is-muted', isMuted);
    element.classList.toggle('is-pictured', isPictured);
    element.classList.toggle('is-speaking', isSpeaking);
    element.dataset.quality = quality ?? '';
    const described = [label, isMuted && 'microphone off', note, quality && `connection ${quality}`];
    setAttribute(element, 'aria-label', described.filter(Boolean).join(', '));
    const pinLabel = isPinned ? `Unpin ${label}` : `Pin ${label}`;
    setAttribute(this.#pin, 'aria-label', pinLabel);
    setAttribute(this.#pin, 'aria-pressed', String(isPinned));
    this.#pin.title = pinLabel;
  }

  /** @param {import('./floor.js').Place | null} place where it stands; `null` for nowhere */
  stand(place, isLarge) {
    const { element } = this;
    element.hidden = place === null;
    element.classList.toggle('is-large', isLarge);
    if (!place) return;
    element.classList.toggle('is-small', place.width < SMALL);
    for (const [name, value] of Object.entries(place)) element.style.setProperty(`--${name}`, `${value}px`);
  }

  /** Lets a reaction rise over it. */
  react(reaction) {
    const bubble = document.createElement('span');
    bubble.textContent = reaction;
    this.#reaction.replaceChildren(bubble);
  }

  /** A first frame has come, or the last one has gone. */
  #looked() {
    this.element.classList.toggle('has-frame', this.video.videoWidth > 0);
  }
}

/** Below it there is no room for a large face. */
const SMALL = 260;

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
