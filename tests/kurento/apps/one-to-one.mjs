import { ask } from './ask.mjs';
import { MediaPeer } from './media-peer.mjs';

/** Users with names who call each other. */
export class OneToOne {
  static messages = ['register', 'call', 'incomingCallResponse', 'onIceCandidate', 'stop'];
  #kurento;
  /** Users by their connection. */
  #users = new Map();

  constructor(kurento) {
    this.#kurento = kurento;
  }

  register(visitor, { name }) {
    if (!name || this.#named(name)) {
      visitor.send({ id: 'registerResponse', response: 'rejected', message: `the name ${name} is taken or empty` });
      return;
    }
    this.#users.set(visitor, { name, visitor, other: null, pipeline: null, offer: null, peer: this.#newPeer(visitor) });
    visitor.send({ id: 'registerResponse', response: 'accepted' });
  }

  call(visitor, { to, from, sdpOffer }) {
    const callee = this.#named(to);
    if (!callee) {
      visitor.send({ id: 'callResponse', response: 'rejected', message: `${to} is not registered` });
      return;
    }
    Object.assign(this.#users.get(visitor), { offer: sdpOffer, other: callee });
    callee.other = this.#users.get(visitor);
    callee.visitor.send({ id: 'incomingCall', from });
  }

  async incomingCallResponse(visitor, { callResponse, sdpOffer, message }) {
    const callee = this.#users.get(visitor);
    const caller = callee.other;
    if (callResponse !== 'accept') {
      caller.visitor.send({ id: 'callResponse', response: 'rejected', message: message ?? 'user declined' });
      return;
    }
    callee.offer = sdpOffer;
    const pipeline = await ask(this.#kurento, 'create', 'MediaPipeline');
    for (const user of [caller, callee]) {
      user.pipeline = pipeline;
      await user.peer.create(pipeline);
    }
    await ask(caller.peer.endpoint, 'connect', callee.peer.endpoint);
    await ask(callee.peer.endpoint, 'connect', caller.peer.endpoint);
    for (const user of [callee, caller]) {
      const sdpAnswer = await user.peer.processOffer(user.offer);
      if (user === callee) user.visitor.send({ id: 'startCommunication', sdpAnswer });
      else user.visitor.send({ id: 'callResponse', response: 'accepted', sdpAnswer });
      await user.peer.gather();
    }
  }

  onIceCandidate(visitor, { candidate }) {
    this.#users.get(visitor)?.peer.addCandidate(candidate);
  }

  async stop(visitor) {
    const user = this.#users.get(visitor);
    const { other, pipeline } = user ?? {};
    if (!other) return;
    for (const side of [user, other]) Object.assign(side, { other: null, pipeline: null, peer: this.#newPeer(side.visitor) });
    if (this.#users.has(other.visitor)) other.visitor.send({ id: 'stopCommunication', message: 'the other side has hung up' });
    if (pipeline) await ask(pipeline, 'release');
  }

  async left(visitor) {
    await this.stop(visitor);
    this.#users.delete(visitor);
  }

  #newPeer(visitor) {
    return new MediaPeer((candidate) => visitor.send({ id: 'iceCandidate', candidate }));
  }

  #named(name) {
    return [...this.#users.values()].find((user) => user.name === name);
  }
}
