import { connect, enter, onPress } from './link.js';

/** Wide enough that Chromium sends all three of its encodings, and slow enough for shared cores. */
const VIDEO = { width: 960, height: 540, frameRate: 10 };

let peer = null;

const send = await connect({
  presenterResponse: async ({ sdpAnswer }) => {
    await peer.setRemoteDescription({ type: 'answer', sdp: sdpAnswer });
    enter('presenting');
  },
  iceCandidate: ({ candidate }) => peer.addIceCandidate(candidate),
});

onPress('present', async () => {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: VIDEO });
  peer = new RTCPeerConnection();
  peer.onicecandidate = ({ candidate }) => candidate && send({ id: 'onIceCandidate', candidate });
  peer.addTransceiver(media.getAudioTracks()[0], { direction: 'sendonly', streams: [media] });
  peer.addTransceiver(media.getVideoTracks()[0], {
    direction: 'sendonly',
    streams: [media],
    sendEncodings: [
      { rid: 'q', scaleResolutionDownBy: 4 },
      { rid: 'h', scaleResolutionDownBy: 2 },
      { rid: 'f' },
    ],
  });
  await peer.setLocalDescription();
  send({ id: 'presenter', sdpOffer: peer.localDescription.sdp });
});

enter('ready');
