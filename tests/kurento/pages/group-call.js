import { accept, byId, connect, enter, offer, onPress } from './link.js';

/** Peers by the name of whose picture they carry. */
const peers = new Map();
let own = '';

const send = await connect({
  existingParticipants: async ({ data }) => {
    await open(own, 'sendonly');
    for (const name of data) await open(name, 'recvonly');
    enter('joined');
  },
  newParticipantArrived: ({ name }) => open(name, 'recvonly'),
  participantLeft: ({ name }) => close(name),
  receiveVideoAnswer: ({ name, sdpAnswer }) => accept(peers.get(name), sdpAnswer),
  iceCandidate: ({ name, candidate }) => peers.get(name)?.addIceCandidate(candidate),
});

onPress('join', () => {
  own = byId('name').value;
  send({ id: 'joinRoom', name: own, room: 'the only one' });
});

onPress('leave', () => {
  send({ id: 'leaveRoom' });
  for (const name of [...peers.keys()]) close(name);
  enter('ready');
});

async function open(name, mode) {
  const video = document.createElement('video');
  video.id = `video-${name}`;
  video.autoplay = true;
  byId('participants').append(video);
  const { peer, sdpOffer } = await offer(mode, {
    [mode === 'sendonly' ? 'localVideo' : 'remoteVideo']: video,
    onicecandidate: (candidate) => send({ id: 'onIceCandidate', name, candidate }),
  });
  peers.set(name, peer);
  send({ id: 'receiveVideoFrom', sender: name, sdpOffer });
}

function close(name) {
  peers.get(name)?.dispose();
  peers.delete(name);
  byId(`video-${name}`)?.remove();
}

enter('ready');
