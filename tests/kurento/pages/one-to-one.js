import { accept, byId, connect, enter, offer, onPress } from './link.js';

let peer = null;
let caller = null;

const send = await connect({
  registerResponse: ({ response }) => enter(response === 'accepted' ? 'registered' : 'refused'),
  callResponse: async ({ response, sdpAnswer }) => {
    if (response !== 'accepted') {
      end();
      enter('rejected');
      return;
    }
    await accept(peer, sdpAnswer);
    enter('talking');
  },
  incomingCall: ({ from }) => {
    caller = from;
    enter('ringing');
  },
  startCommunication: async ({ sdpAnswer }) => {
    await accept(peer, sdpAnswer);
    enter('talking');
  },
  stopCommunication: () => {
    end();
    enter('registered');
  },
  iceCandidate: ({ candidate }) => peer?.addIceCandidate(candidate),
});

onPress('register', () => send({ id: 'register', name: byId('name').value }));

onPress('call', async () => {
  const sdpOffer = await begin();
  send({ id: 'call', from: byId('name').value, to: byId('peer').value, sdpOffer });
});

onPress('accept', async () => {
  const sdpOffer = await begin();
  send({ id: 'incomingCallResponse', from: caller, callResponse: 'accept', sdpOffer });
});

onPress('reject', () => {
  send({ id: 'incomingCallResponse', from: caller, callResponse: 'reject', message: 'busy' });
  enter('registered');
});

onPress('stop', () => {
  send({ id: 'stop' });
  end();
  enter('registered');
});

async function begin() {
  const made = await offer('sendrecv', {
    localVideo: byId('local-video'),
    remoteVideo: byId('remote-video'),
    onicecandidate: (candidate) => send({ id: 'onIceCandidate', candidate }),
  });
  peer = made.peer;
  return made.sdpOffer;
}

function end() {
  peer?.dispose();
  peer = null;
}

enter('ready');
