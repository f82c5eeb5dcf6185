/**
 * A browser in a network that lets no UDP through and has no TURN server: it never learns the server's UDP candidates, and
 * a lite server checks nobody. Installed before the page's own scripts, complete in itself, since only its text reaches the
 * page.
 */
export function tcpOnly() {
  const Native = window.RTCPeerConnection;
  const { addIceCandidate } = Native.prototype;
  Native.prototype.addIceCandidate = async function (given) {
    if (/ udp /i.test(given?.candidate ?? '')) return;
    await addIceCandidate.call(this, given);
  };
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(settings = {}) {
      super({ ...settings, iceServers: [] });
    }
  };
}
