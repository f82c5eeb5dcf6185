import { byId } from '../dom.js';

/**
 * The picture and its sound: it plays at once, muted where the browser wants a press before there is sound.
 *
 * @param {import('./watching.js').Watching} watching
 */
export function mountPictureView(watching) {
  const video = byId('video');
  const player = byId('player');
  /** Whether the browser has refused to play without a press, with sound or at all. */
  let isHeldBack = false;

  byId('unmute').addEventListener('click', () => sound(true));
  byId('toggle-sound').addEventListener('click', () => sound(video.muted));
  byId('full-screen').addEventListener('click', toggleFullScreen);
  document.addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'f' || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    toggleFullScreen();
  });
  document.addEventListener('fullscreenchange', render);
  video.addEventListener('volumechange', render);
  watching.addEventListener('change', () => {
    if (video.srcObject !== watching.media) show(watching.media);
    render();
  });
  render();

  async function show(media) {
    video.srcObject = media;
    if (!media || (await plays())) return;
    isHeldBack = true;
    video.muted = true;
    await plays();
    render();
  }

  /** @returns {Promise<boolean>} whether the browser lets it play; what is replaced meanwhile plays no more */
  async function plays() {
    try {
      await video.play();
      return true;
    } catch (error) {
      return error.name !== 'NotAllowedError';
    }
  }

  function sound(isOn) {
    isHeldBack = false;
    video.muted = !isOn;
    plays(); // also where nothing has been let play yet
    render();
  }

  async function toggleFullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (player.requestFullscreen) await player.requestFullscreen().catch(() => {}); // the browser says so itself
    else video.webkitEnterFullscreen?.(); // an iPhone shows nothing else full-screen
  }

  function render() {
    byId('unmute').hidden = !isHeldBack || watching.phase !== 'playing';
    name(byId('toggle-sound'), video.muted ? 'Sound on' : 'Sound off');
    byId('sound-icon').setAttribute('href', video.muted ? '#icon-silence' : '#icon-sound');
    name(byId('full-screen'), document.fullscreenElement ? 'Leave full screen' : 'Full screen', 'F');
  }
}

/** What a press does, for everybody. */
function name(button, label, key = '') {
  if (button.getAttribute('aria-label') === label) return;
  button.setAttribute('aria-label', label);
  button.title = key ? `${label} (${key})` : label;
}

function isWriting(target) {
  return target instanceof HTMLElement && ['INPUT', 'SELECT'].includes(target.tagName);
}
