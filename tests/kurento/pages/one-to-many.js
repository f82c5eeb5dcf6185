import { accept, byId, connect, enter, offer, onPress } from './link.js';

let peer = null;

const send = await connect({
  presenterResponse: (message) => answered(message, 'presenting'),
  viewerResponse: (message) => answered(message, 'viewing'),
  stopCommunication: end,
  iceCandidate: ({ candidate }) => peer?.addIceCandidate(candidate),
});

const onicecandidate = (candidate) => send({ id: 'onIceCandidate', candidate });

onPress('present', async () => {
  const made = await offer('sendonly', { localVideo: byId('local-video'), onicecandidate });
  peer = made.peer;
  send({ id: 'presenter', sdpOffer: made.sdpOffer });
});

onPress('view', async () => {
  const made = await offer('recvonly', { remoteVideo: byId('remote-video'), onicecandidate });
  peer = made.peer;
  send({ id: 'viewer', sdpOffer: made.sdpOffer });
});

onPress('stop', () => {
  send({ id: 'stop' });
  end();
});

async function answered({ response, sdpAnswer }, state) {
  if (response !== 'accepted') {
    end();
    enter('rejected');
    return;
  }
  await accept(peer, sdpAnswer);
  enter(state);
}

function end() {
  peer?.dispose();
  peer = null;
  enter('ready');
}

enter('ready');
