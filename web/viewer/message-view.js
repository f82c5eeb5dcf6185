import { byId, setText } from '../dom.js';

/**
 * Where the stream stands, in words over the picture and for screen readers.
 *
 * @param {import('./watching.js').Watching} watching
 */
export function mountMessageView(watching) {
  byId('again').addEventListener('click', () => watching.join());
  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    watching.join(byId('token').value.trim() || null);
  });
  byId('home').search = location.search;
  let wasAsking = false;
  watching.addEventListener('change', render);
  render();

  function render() {
    const { phase } = watching;
    const { title, text } = messageOf(watching);
    document.body.dataset.phase = phase;
    document.title = `${watching.name} – Keel`;
    setText(byId('stream-name'), watching.name);
    setText(byId('audience'), phase === 'playing' && watching.viewers !== null ? `${watching.viewers} watching` : '');
    byId('curtain').hidden = phase === 'playing';
    byId('air').hidden = phase !== 'playing';
    setText(byId('message-title'), title);
    setText(byId('message-text'), text);
    byId('token-form').hidden = !watching.asksForToken;
    byId('again').hidden = phase !== 'over' && (phase !== 'refused' || watching.asksForToken);
    setText(byId('again'), phase === 'over' ? 'Wait for the next one' : 'Try again');
    setText(byId('announcement'), [title, text].filter(Boolean).join('. '));
    if (watching.asksForToken && !wasAsking) byId('token').focus();
    wasAsking = watching.asksForToken;
  }
}

/** @returns {{title: string, text: string}} */
export function messageOf({ phase, hasPlayed, refusal, asksForToken }) {
  switch (phase) {
    case 'playing':
      return { title: 'The stream plays', text: '' };
    case 'waiting':
      return hasPlayed
        ? { title: 'The stream has ended', text: 'If it begins again, it plays here by itself.' }
        : { title: 'The stream has not begun', text: 'It plays here by itself as soon as it does.' };
    case 'away':
      return { title: 'The presenter has lost the connection', text: 'The stream goes on here by itself if they come back.' };
    case 'quiet':
      return { title: 'Nothing to see or hear', text: 'The presenter sends nothing at the moment.' };
    case 'returning':
      return { title: 'Your connection was lost', text: 'Trying to get the stream back.' };
    case 'over':
      return { title: 'The stream has ended', text: 'Thank you for watching.' };
    case 'refused':
      return { title: asksForToken ? 'For invited viewers' : 'The stream cannot be watched', text: refusal };
    default:
      return { title: 'Connecting…', text: '' };
  }
}
