/** The page's side of an application: its WebSocket, and peers of kurento-utils. */

const { WebRtcPeerRecvonly, WebRtcPeerSendonly, WebRtcPeerSendrecv } = window.kurentoUtils.WebRtcPeer;
const PEERS = { recvonly: WebRtcPeerRecvonly, sendonly: WebRtcPeerSendonly, sendrecv: WebRtcPeerSendrecv };

/** The smallest picture that still shows the pattern move. */
const MEDIA = { audio: true, video: { width: 160, height: 90, frameRate: 10 } };

/**
 * Connects to the application, or to another server that the page's address names as `server`.
 *
 * @param {Record<string, (message: object) => void>} receivers of its messages, by `id`
 * @returns {Promise<(message: object) => void>} what sends
 */
export async function connect(receivers) {
  const server = new URLSearchParams(location.search).get('server');
  const socket = new WebSocket(server ?? location.origin.replace(/^http/, 'ws'));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    const receive = receivers[message.id];
    if (message.id === 'error' || !receive) throw new Error(`the application sent ${data}`);
    receive(message);
  };
  await new Promise((open) => {
    socket.onopen = open;
  });
  return (message) => socket.send(JSON.stringify(message));
}

/**
 * Makes a peer and its offer.
 *
 * @param {'recvonly' | 'sendonly' | 'sendrecv'} mode
 * @param {object} options of kurento-utils
 * @returns {Promise<{peer: object, sdpOffer: string}>}
 */
export function offer(mode, options) {
  return new Promise((resolve, fail) => {
    // An empty list: no servers on the internet are asked for addresses.
    const settings = { mediaConstraints: MEDIA, configuration: { iceServers: [] }, ...options };
    const peer = PEERS[mode](settings, (error) => {
      if (error) fail(error);
      else peer.generateOffer((problem, sdpOffer) => (problem ? fail(problem) : resolve({ peer, sdpOffer })));
    });
  });
}

/** Gives a peer the application's answer. */
export function accept(peer, sdpAnswer) {
  return new Promise((resolve, fail) => {
    peer.processAnswer(sdpAnswer, (error) => (error ? fail(error) : resolve()));
  });
}

/** Where the page is, for the story: `body[data-state]`. */
export function enter(state) {
  document.body.dataset.state = state;
}

/** An element of the page. */
export function byId(id) {
  return document.getElementById(id);
}

/** Does something when a button is pressed. */
export function onPress(id, act) {
  byId(id).addEventListener('click', act);
}
