import { accept, byId, connect, enter, offer, onPress } from './link.js';

let peer = null;

const send = await connect({
  startResponse: ({ sdpAnswer }) => accept(peer, sdpAnswer),
  iceCandidate: ({ candidate }) => peer?.addIceCandidate(candidate),
});

onPress('start', async () => {
  const made = await offer('sendrecv', {
    localVideo: byId('local-video'),
    remoteVideo: byId('remote-video'),
    onicecandidate: (candidate) => send({ id: 'onIceCandidate', candidate }),
    dataChannels: true,
    dataChannelConfig: {
      id: 'chat',
      onopen: () => enter('started'),
      onclose: () => enter('ready'),
      onmessage: ({ data }) => {
        byId('echo').textContent += `${data}\n`;
      },
    },
  });
  peer = made.peer;
  send({ id: 'start', sdpOffer: made.sdpOffer });
});

onPress('send', () => peer.send(byId('text').value));

onPress('stop', () => {
  send({ id: 'stop' });
  peer.dispose();
  peer = null;
  enter('ready');
});

enter('ready');
