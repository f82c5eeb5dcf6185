import { byId, setText } from '../dom.js';

/**
 * Whether the server is there: a word in the bar, and a banner with a countdown while it is not.
 *
 * @param {import('../client/socket.js').Socket} signaling
 * @param {() => Promise<{refused: boolean}>} config asks the server whether it refuses this page for want of a token
 */
export function mountLinkView(signaling, config) {
  let countdown = null;
  byId('banner-retry').addEventListener('click', () => signaling.connect());
  // The browser knows better than a timer when there is a network again.
  window.addEventListener('online', () => signaling.connect());
  signaling.addEventListener('open', () => show('open'));
  signaling.addEventListener('lost', ({ detail }) => {
    show('lost');
    countDown(performance.now() + detail.retryInMs);
    explain();
  });
  show('connecting');

  function show(state) {
    clearInterval(countdown);
    document.body.dataset.link = state;
    byId('banner').hidden = state !== 'lost';
    setText(byId('link-state'), { open: 'Connected', lost: 'Offline', connecting: 'Connecting…' }[state]);
  }

  function countDown(retryAt) {
    const tick = () => {
      const seconds = Math.ceil((retryAt - performance.now()) / 1000);
      setText(byId('banner-countdown'), seconds > 0 ? `Next try in ${seconds} s` : 'Trying now…');
    };
    tick();
    countdown = setInterval(tick, 250);
  }

  /** A browser does not tell why a socket was refused; the same token refused by an ordinary request does. */
  async function explain() {
    const { refused } = await config();
    setText(byId('banner-text'), refused
      ? 'This server asks for an access token. Open the address that you were given, with ?access_token= at its end.'
      : 'The server cannot be reached.');
  }
}
