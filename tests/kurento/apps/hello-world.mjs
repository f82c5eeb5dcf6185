import { ask } from './ask.mjs';
import { MediaPeer } from './media-peer.mjs';

/** Sends each visitor's camera and microphone, and messages, back to the visitor. */
export class HelloWorld {
  /** The names of the messages that it takes. */
  static messages = ['start', 'stop', 'onIceCandidate'];
  #kurento;
  #options;
  #calls = new Map();

  /** @param {object} kurento the client @param {object} options of the endpoints */
  constructor(kurento, options = {}) {
    this.#kurento = kurento;
    this.#options = options;
  }

  /** The endpoint of the only visitor. */
  get endpoint() {
    const [{ peer }] = this.#calls.values();
    return peer.endpoint;
  }

  async start(visitor, { sdpOffer }) {
    const { peer } = this.#callOf(visitor);
    const pipeline = await ask(this.#kurento, 'create', 'MediaPipeline');
    this.#calls.get(visitor).pipeline = pipeline;
    await peer.create(pipeline, this.#options);
    await this.prepare(peer.endpoint, pipeline);
    await this.route(peer.endpoint, pipeline);
    const sdpAnswer = await peer.processOffer(sdpOffer);
    visitor.send({ id: 'startResponse', sdpAnswer });
    await peer.gather();
  }

  /** Brings what a visitor sends back to the visitor. */
  async route(endpoint) {
    await ask(endpoint, 'connect', endpoint);
  }

  /** What else to do with an endpoint before it is negotiated. */
  async prepare() {}

  onIceCandidate(visitor, { candidate }) {
    this.#callOf(visitor).peer.addCandidate(candidate);
  }

  async stop(visitor) {
    const call = this.#calls.get(visitor);
    this.#calls.delete(visitor);
    if (call?.pipeline) await ask(call.pipeline, 'release');
  }

  left(visitor) {
    return this.stop(visitor);
  }

  #callOf(visitor) {
    let call = this.#calls.get(visitor);
    if (!call) {
      call = { pipeline: null, peer: new MediaPeer((candidate) => visitor.send({ id: 'iceCandidate', candidate })) };
      this.#calls.set(visitor, call);
    }
    return call;
  }
}
