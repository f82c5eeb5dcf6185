import { createRequire } from 'node:module';
import { ask } from './ask.mjs';

const { getComplexType } = createRequire(import.meta.url)('kurento-client');
const IceCandidate = getComplexType('IceCandidate');

/** The endpoint of one browser, and the candidates on their way to it and from it. */
export class MediaPeer {
  #waiting = [];
  #tellCandidate;

  /** The endpoint, once there is one. */
  endpoint = null;

  /** @param {(candidate: object) => void} tellCandidate takes the endpoint's candidates to the browser */
  constructor(tellCandidate) {
    this.#tellCandidate = tellCandidate;
  }

  /** A candidate of the browser: browsers send them before there is an endpoint. */
  addCandidate(candidate) {
    const ours = IceCandidate(candidate);
    if (this.endpoint) this.endpoint.addIceCandidate(ours);
    else this.#waiting.push(ours);
  }

  /** Creates the endpoint, and gives it the candidates that came before it. */
  async create(pipeline, options = {}) {
    // A copy: the library writes the pipeline into what it is given.
    this.endpoint = await ask(pipeline, 'create', 'WebRtcEndpoint', { ...options });
    for (const candidate of this.#waiting.splice(0)) this.endpoint.addIceCandidate(candidate);
    this.endpoint.on('IceCandidateFound', ({ candidate }) => this.#tellCandidate(IceCandidate(candidate)));
  }

  /** Answers the browser's offer. */
  processOffer(offer) {
    return ask(this.endpoint, 'processOffer', offer);
  }

  /** Lets the endpoint's candidates come. */
  gather() {
    return ask(this.endpoint, 'gatherCandidates');
  }
}
