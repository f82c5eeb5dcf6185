import { ask } from './ask.mjs';
import { HelloWorld } from './hello-world.mjs';

/** As `HelloWorld`, by way of a hub: what goes into one port comes out of the other. */
export class HubMirror extends HelloWorld {
  /** What the ports told of their flow. */
  flows = [];
  #kind;
  #hub;
  #ports;

  /** @param {object} kurento the client @param {{hub: string}} options the class of the hub */
  constructor(kurento, { hub }) {
    super(kurento);
    this.#kind = hub;
  }

  async route(endpoint, pipeline) {
    this.#hub = await ask(pipeline, 'create', this.#kind);
    const [inlet, outlet] = [await this.#port('inlet'), await this.#port('outlet')];
    this.#ports = { inlet, outlet };
    await ask(endpoint, 'connect', inlet);
    await ask(outlet, 'connect', endpoint);
    await this.join();
  }

  /** Lets what comes into the inlet go to the outlet. */
  async join() {
    const { inlet, outlet } = this.#ports;
    if (this.#kind === 'Dispatcher') await ask(this.#hub, 'connect', inlet, outlet);
    if (this.#kind === 'DispatcherOneToMany') await ask(this.#hub, 'setSource', inlet);
    if (this.#kind !== 'Mixer') return;
    for (const media of ['AUDIO', 'VIDEO']) await ask(this.#hub, 'connect', media, inlet, outlet);
  }

  /** Takes the way between them away again. */
  async part() {
    const { inlet, outlet } = this.#ports;
    if (this.#kind === 'DispatcherOneToMany') await ask(this.#hub, 'removeSource');
    if (this.#kind !== 'Mixer') return;
    for (const media of ['AUDIO', 'VIDEO']) await ask(this.#hub, 'disconnect', media, inlet, outlet);
  }

  async #port(name) {
    const port = await ask(this.#hub, 'createHubPort');
    for (const type of ['MediaFlowInStateChanged', 'MediaFlowOutStateChanged']) {
      const way = type === 'MediaFlowInStateChanged' ? 'into' : 'out of';
      port.on(type, ({ mediaType, state }) => this.flows.push(`${mediaType} ${state} ${way} the ${name}`));
    }
    return port;
  }
}
