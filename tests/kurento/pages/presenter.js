import { connect, enter, onPress } from './link.js';

/** Of pictures smaller than this Chromium does not send three encodings; slow enough for shared cores. */
const LARGE = { width: 960, height: 540, frameRate: 10 };
/** New rectangles in each frame: enough for encoders to use what they may, which the fake camera's picture is not. */
const RECTANGLES = 12;

const ENCODINGS = [
  { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { scaleResolutionDownBy: 2, maxBitrate: 450_000 },
  { maxBitrate: 1_200_000 },
];
const RIDS = ['q', 'h', 'f'];

/** What the page can send, by the parameter `sends` of its address. */
const SENDING = {
  simulcast: {
    codec: 'video/VP8',
    video: LARGE,
    encodings: ENCODINGS.map((encoding, place) => ({ rid: RIDS[place], ...encoding })),
  },
  // The form from before `sendEncodings`: the encodings are named in the offer, which Chromium takes back in.
  'simulcast-groups': {
    codec: 'video/VP8',
    video: LARGE,
    encodings: [{}],
    groups: ENCODINGS,
  },
  'vp9-svc': {
    codec: 'video/VP9',
    video: LARGE,
    encodings: [{ scalabilityMode: 'L3T3_KEY', maxBitrate: 900_000 }],
  },
  'av1-temporal': {
    codec: 'video/AV1',
    video: { width: 480, height: 270, frameRate: 15 },
    encodings: [{ scalabilityMode: 'L1T3', maxBitrate: 500_000 }],
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
  const { codec, video, encodings, groups } = SENDING[new URL(location.href).searchParams.get('sends')];
  const media = await navigator.mediaDevices.getUserMedia({ audio: true });
  media.addTrack(draw(video));
  peer = new RTCPeerConnection();
  peer.onicecandidate = ({ candidate }) => candidate && send({ id: 'onIceCandidate', candidate });
  peer.addTransceiver(media.getAudioTracks()[0], { direction: 'sendonly', streams: [media] });
  const transceiver = peer.addTransceiver(media.getVideoTracks()[0], {
    direction: 'sendonly',
    streams: [media],
    sendEncodings: encodings,
  });
  // A browser that is short of bits or time would send smaller pictures, in fewer layers than the story is about.
  await transceiver.sender.setParameters({ ...transceiver.sender.getParameters(), degradationPreference: 'maintain-resolution' });
  const { codecs } = RTCRtpSender.getCapabilities('video');
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
  const offer = await peer.createOffer();
  if (groups) {
    await peer.setLocalDescription({ type: 'offer', sdp: grouped(offer.sdp, groups.length) });
    const parameters = transceiver.sender.getParameters();
    parameters.encodings.forEach((encoding, place) => Object.assign(encoding, groups[place]));
    await transceiver.sender.setParameters(parameters);
  } else {
    await peer.setLocalDescription(offer);
  }
  send({ id: 'presenter', sdpOffer: peer.localDescription.sdp });
});

/** An offer whose video is sent in so many encodings, the least first, each with retransmissions. */
function grouped(sdp, count) {
  const [, cname] = /a=ssrc:\d+ cname:(\S+)/.exec(sdp);
  const [, msid] = /m=video[^]*a=msid:(.*)\r\n/.exec(sdp);
  const streams = Array.from({ length: count }, (_, place) => [1000 + place, 2000 + place]);
  const lines = [
    `a=ssrc-group:SIM ${streams.map(([ssrc]) => ssrc).join(' ')}`,
    ...streams.map((pair) => `a=ssrc-group:FID ${pair.join(' ')}`),
    ...streams.flat().flatMap((ssrc) => [`a=ssrc:${ssrc} cname:${cname}`, `a=ssrc:${ssrc} msid:${msid}`]),
  ];
  const [before, media] = sdp.split(/(?=m=video)/);
  return `${before}${media.replace(/a=ssrc(-group)?:.*\r\n/g, '')}${lines.join('\r\n')}\r\n`;
}

/** A track with a picture of which there is always more to send. */
function draw({ width, height, frameRate }) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  setInterval(() => {
    for (let count = 0; count < RECTANGLES; count += 1) {
      context.fillStyle = `hsl(${360 * Math.random()} 90% 60%)`;
      context.fillRect(width * Math.random(), height * Math.random(), 60 * Math.random(), 60 * Math.random());
    }
  }, 1000 / frameRate);
  return canvas.captureStream(frameRate).getVideoTracks()[0];
}

enter('ready');
