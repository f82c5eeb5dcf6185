import { connect, enter, onPress } from './link.js';

/** Of pictures smaller than this Chromium does not send three encodings; slow enough for shared cores. */
const LARGE = { width: 960, height: 540, frameRate: 10 };

/** What the page can send, by the parameter `sends` of its address. */
const SENDING = {
  simulcast: {
    codec: 'video/VP8',
    video: LARGE,
    encodings: [
      { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 100_000 },
      { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 300_000 },
      { rid: 'f', maxBitrate: 900_000 },
    ],
  },
  'vp9-svc': {
    codec: 'video/VP9',
    video: LARGE,
    encodings: [{ scalabilityMode: 'L3T3_KEY', maxBitrate: 900_000 }],
  },
  'av1-temporal': {
    codec: 'video/AV1',
    video: { width: 640, height: 360, frameRate: 15 },
    encodings: [{ scalabilityMode: 'L1T3', maxBitrate: 600_000 }],
  },
};

let peer = null;

const send = await connect({
  presenterResponse: async ({ sdpAnswer }) => {
    await peer.setRemoteDescription({ type: 'answer', sdp: sdpAnswer });
    enter('presenting');
  },
  iceCandidate: ({ candidate }) => peer.addIceCandidate(candidate),
});

onPress('present', async () => {
  const { codec, video, encodings } = SENDING[new URL(location.href).searchParams.get('sends')];
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  peer = new RTCPeerConnection();
  peer.onicecandidate = ({ candidate }) => candidate && send({ id: 'onIceCandidate', candidate });
  peer.addTransceiver(media.getAudioTracks()[0], { direction: 'sendonly', streams: [media] });
  const transceiver = peer.addTransceiver(media.getVideoTracks()[0], {
    direction: 'sendonly',
    streams: [media],
    sendEncodings: encodings,
  });
  const { codecs } = RTCRtpSender.getCapabilities('video');
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
  await peer.setLocalDescription();
  send({ id: 'presenter', sdpOffer: peer.localDescription.sdp });
});

enter('ready');
