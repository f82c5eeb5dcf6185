/**
 * A browser in a network that lets nothing through but the way to the TURN server: installed before the page's own
 * scripts, complete in itself, since only its text reaches the page.
 *
 * @param {'udp' | 'tcp' | 'tls'} way
 * @param {number} [port] of 127.0.0.1, by which the server is reached instead
 */
export function relayOnly(way, port) {
  const Native = window.RTCPeerConnection;
  const ends = { udp: /^turn:.*=udp$/, tcp: /^turn:.*=tcp$/, tls: /^turns:/ };
  const by = (url) => (port ? url.replace(/^(turns?:)[^?]*/, `$1127.0.0.1:${port}`) : url);
  const open = (urls) => [urls].flat().filter((url) => ends[way].test(url)).map(by);
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor({ iceServers = [], ...settings } = {}) {
      const reachable = iceServers.map((server) => ({ ...server, urls: open(server.urls) }));
      const servers = reachable.filter(({ urls }) => urls.length > 0);
      super({ ...settings, iceServers: servers, iceTransportPolicy: 'relay' });
    }
  };
}
