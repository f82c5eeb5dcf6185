import { ask } from './ask.mjs';
import { MediaPeer } from './media-peer.mjs';

/** Rooms in which everybody sees and hears everybody: one endpoint for what one sends, one for each of the others. */
export class GroupCall {
  static messages = ['joinRoom', 'receiveVideoFrom', 'onIceCandidate', 'leaveRoom'];
  #kurento;
  /** Rooms by name: their pipeline and their users by name. */
  #rooms = new Map();
  /** Users by their connection. */
  #users = new Map();

  constructor(kurento) {
    this.#kurento = kurento;
  }

  async joinRoom(visitor, { name, room: roomName }) {
    let room = this.#rooms.get(roomName);
    if (!room) {
      // Who comes while the pipeline is being made waits for the same one.
      room = { name: roomName, pipeline: ask(this.#kurento, 'create', 'MediaPipeline'), users: new Map() };
      this.#rooms.set(roomName, room);
    }
    const pipeline = await room.pipeline;
    const user = { name, visitor, room, peers: new Map() };
    const outgoing = this.#peerFor(user, name);
    await outgoing.create(pipeline);
    for (const other of room.users.values()) other.visitor.send({ id: 'newParticipantArrived', name });
    visitor.send({ id: 'existingParticipants', data: [...room.users.keys()] });
    room.users.set(name, user);
    this.#users.set(visitor, user);
  }

  async receiveVideoFrom(visitor, { sender, sdpOffer }) {
    const user = this.#users.get(visitor);
    const peer = this.#peerFor(user, sender);
    const source = user.room.users.get(sender).peers.get(sender);
    if (peer !== source) {
      await peer.create(await user.room.pipeline);
      await ask(source.endpoint, 'connect', peer.endpoint);
    }
    const sdpAnswer = await peer.processOffer(sdpOffer);
    visitor.send({ id: 'receiveVideoAnswer', name: sender, sdpAnswer });
    // As Kurento's Java tutorial does: once more, on a pair that is connected.
    if (peer !== source) await ask(source.endpoint, 'connect', peer.endpoint);
    await peer.gather();
  }

  onIceCandidate(visitor, { candidate, name }) {
    const user = this.#users.get(visitor);
    if (user) this.#peerFor(user, name).addCandidate(candidate);
  }

  async leaveRoom(visitor) {
    const user = this.#users.get(visitor);
    if (!user) return;
    const { room, name } = user;
    this.#users.delete(visitor);
    room.users.delete(name);
    for (const other of room.users.values()) {
      other.visitor.send({ id: 'participantLeft', name });
      const peer = other.peers.get(name);
      other.peers.delete(name);
      if (peer?.endpoint) await ask(peer.endpoint, 'release');
    }
    for (const peer of user.peers.values()) if (peer.endpoint) await ask(peer.endpoint, 'release');
    if (room.users.size === 0) {
      this.#rooms.delete(room.name);
      await ask(await room.pipeline, 'release');
    }
  }

  left(visitor) {
    return this.leaveRoom(visitor);
  }

  #peerFor(user, name) {
    let peer = user.peers.get(name);
    if (!peer) {
      peer = new MediaPeer((candidate) => user.visitor.send({ id: 'iceCandidate', name, candidate }));
      user.peers.set(name, peer);
    }
    return peer;
  }
}
