import { byId, setText } from '../dom.js';
import { Level } from '../equipment/level.js';
import { isStreamName } from './name.js';

/** As often as a meter needs to look alive. */
const METER_MS = 80;

/**
 * What is said before a stream begins: its name, a token where the server wants one, which devices.
 *
 * @param {import('./show.js').Show} show
 * @param {import('../equipment/equipment.js').Equipment} equipment
 */
export function mountFormView(show, equipment) {
  const name = byId('name');
  const token = byId('token');
  const level = new Level();
  let timer = null;
  let isNameWrong = false;

  name.value = show.name;
  token.value = show.token ?? '';
  byId('form').addEventListener('submit', (event) => {
    event.preventDefault();
    isNameWrong = !isStreamName(name.value.trim());
    render();
    if (isNameWrong) name.focus();
    else show.start(name.value.trim(), token.value.trim() || null);
  });
  show.addEventListener('change', render);
  equipment.addEventListener('change', render);
  render();

  function render() {
    const isStarting = show.phase === 'starting';
    byId('go').disabled = isStarting;
    setText(byId('go'), isStarting ? 'Connecting…' : 'Go live');
    byId('token-row').hidden = !show.asksForToken;
    name.setAttribute('aria-invalid', String(isNameWrong));
    const error = isNameWrong ? 'A name has up to 64 letters, digits and the signs - . _ ~' : (show.refusal ?? '');
    setText(byId('error'), error);
    const problems = [equipment.problem('audio'), equipment.problem('video')].filter(Boolean);
    setText(byId('problem'), [...new Set(problems)].join(' '));
    measure();
  }

  function measure() {
    const isShown = show.phase === 'preparing' || show.phase === 'starting';
    const track = isShown && equipment.isOn('audio') ? equipment.track('audio') : null;
    level.listen(track);
    clearInterval(timer);
    byId('meter').value = 0;
    if (track) timer = setInterval(() => { byId('meter').value = level.read(); }, METER_MS);
    if (!isShown) level.close();
  }
}
