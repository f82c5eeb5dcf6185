const LABELS = {
  audio: { on: 'Mute microphone', off: 'Unmute microphone', none: 'No microphone' },
  video: { on: 'Turn camera off', off: 'Turn camera on', none: 'No camera' },
};

/**
 * A button that switches a device; its label says what a press would do.
 *
 * @param {HTMLButtonElement} button
 * @param {'audio' | 'video'} kind
 * @param {import('./equipment.js').Equipment} equipment
 * @param {string} [key] the shortcut that presses it
 */
export function mountToggle(button, kind, equipment, key = '') {
  button.addEventListener('click', () => equipment.switch(kind, !equipment.isOn(kind)));
  equipment.addEventListener('change', render);
  render();

  function render() {
    const labels = LABELS[kind];
    const isOn = equipment.isOn(kind);
    const isPossible = equipment.isPossible(kind);
    const label = isPossible ? (isOn ? labels.on : labels.off) : labels.none;
    button.disabled = !isPossible;
    button.classList.toggle('is-off', !isOn);
    if (button.getAttribute('aria-label') !== label) button.setAttribute('aria-label', label);
    button.title = key ? `${label} (${key})` : label;
  }
}
