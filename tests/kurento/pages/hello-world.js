import { accept, byId, connect, enter, offer, onPress } from './link.js';

let peer = null;

const send = await connect({
  startResponse: async ({ sdpAnswer }) => {
    await accept(peer, sdpAnswer);
    enter('started');
  },
  iceCandidate: ({ candidate }) => peer?.addIceCandidate(candidate),
});

onPress('start', async () => {
  const made = await offer('sendrecv', {
    localVideo: byId('local-video'),
    remoteVideo: byId('remote-video'),
    onicecandidate: (candidate) => send({ id: 'onIceCandidate', candidate }),
  });
  peer = made.peer;
  send({ id: 'start', sdpOffer: made.sdpOffer });
});

onPress('stop', () => {
  send({ id: 'stop' });
  peer.dispose();
  peer = null;
  enter('ready');
});

enter('ready');
