import { byId, setText } from '../dom.js';

const REMEMBERED_NAME = 'keel.name';

/**
 * The form that asks for a name.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountRegisterView(phone) {
  const name = byId('register-name');
  // Of this tab only: a second tab is a second person. The resume token stays in memory for the same reason,
  // since a duplicated tab takes a copy of its session storage along.
  name.value = sessionStorage.getItem(REMEMBERED_NAME) ?? '';
  byId('register-form').addEventListener('submit', (event) => {
    event.preventDefault();
    sessionStorage.setItem(REMEMBERED_NAME, name.value.trim());
    phone.register(name.value.trim(), byId('register-secret').value);
  });

  let shown = null;
  phone.addEventListener('change', render);
  render();

  function render() {
    // After a lost connection the lobby stays, with a banner: the name is asked for again behind it.
    const visible = phone.phase === 'absent' || (phone.phase === 'registering' && !phone.isReturning);
    byId('register').hidden = !visible;
    const asking = phone.phase === 'registering';
    byId('register-submit').disabled = asking;
    setText(byId('register-submit'), asking ? 'Joining…' : 'Join');
    setText(byId('register-error'), phone.refusal ?? '');
    name.setAttribute('aria-invalid', String(phone.refusal !== null));
    // A refusal may be about a secret that is needed but hidden.
    if (phone.refusal !== null && /secret/i.test(phone.refusal)) byId('register-claim').open = true;
    if (visible && phone.phase !== shown) name.focus();
    shown = visible ? phone.phase : null;
  }
}
