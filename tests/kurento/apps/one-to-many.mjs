import { ask } from './ask.mjs';
import { MediaPeer } from './media-peer.mjs';

/** One presenter, and viewers who may come and go. */
export class OneToMany {
  static messages = ['presenter', 'viewer', 'onIceCandidate', 'stop'];
  #kurento;
  #pipeline = null;
  #presenter = null;
  /** Peers by their connection. */
  #peers = new Map();

  constructor(kurento) {
    this.#kurento = kurento;
  }

  /** The endpoints of the viewers, in the order in which they came. */
  get viewers() {
    return [...this.#peers].filter(([visitor]) => visitor !== this.#presenter).map(([, peer]) => peer.endpoint);
  }

  async presenter(visitor, { sdpOffer }) {
    if (this.#presenter) {
      visitor.send({ id: 'presenterResponse', response: 'rejected', message: 'there is a presenter already' });
      return;
    }
    this.#presenter = visitor;
    const peer = this.#peerOf(visitor);
    this.#pipeline = await ask(this.#kurento, 'create', 'MediaPipeline');
    await peer.create(this.#pipeline);
    const sdpAnswer = await peer.processOffer(sdpOffer);
    visitor.send({ id: 'presenterResponse', response: 'accepted', sdpAnswer });
    await peer.gather();
  }

  async viewer(visitor, { sdpOffer }) {
    const source = this.#peers.get(this.#presenter)?.endpoint;
    if (!source) {
      visitor.send({ id: 'viewerResponse', response: 'rejected', message: 'nobody presents' });
      return;
    }
    const peer = this.#peerOf(visitor);
    await peer.create(this.#pipeline);
    const sdpAnswer = await peer.processOffer(sdpOffer);
    await ask(source, 'connect', peer.endpoint);
    visitor.send({ id: 'viewerResponse', response: 'accepted', sdpAnswer });
    await peer.gather();
  }

  onIceCandidate(visitor, { candidate }) {
    this.#peerOf(visitor).addCandidate(candidate);
  }

  async stop(visitor) {
    const peer = this.#peers.get(visitor);
    this.#peers.delete(visitor);
    if (visitor !== this.#presenter) {
      if (peer?.endpoint) await ask(peer.endpoint, 'release');
      return;
    }
    const pipeline = this.#pipeline;
    this.#presenter = null;
    this.#pipeline = null;
    for (const viewer of this.#peers.keys()) viewer.send({ id: 'stopCommunication' });
    this.#peers.clear();
    if (pipeline) await ask(pipeline, 'release');
  }

  left(visitor) {
    return this.stop(visitor);
  }

  #peerOf(visitor) {
    let peer = this.#peers.get(visitor);
    if (!peer) {
      peer = new MediaPeer((candidate) => visitor.send({ id: 'iceCandidate', candidate }));
      this.#peers.set(visitor, peer);
    }
    return peer;
  }
}
