import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { launchChromium } from '../shared/browser.mjs';
import { Certificate } from '../shared/certificate.mjs';
import { Keel } from '../shared/keel.mjs';
import { Network } from '../shared/network.mjs';
import { Stage } from './stage.mjs';

/** Networks so far: each has addresses of its own. */
let count = 0;

/**
 * A story of two people in a network of its own, and the server in ours.
 *
 * @param {string} title
 * @param {{family?: 4 | 6}} options
 * @param {(stage: Stage, network: Network) => Promise<void>} story
 */
function inside(title, { family = 4 }, story) {
  const place = (network) => ({
    server: { address: network.ours, flags: [`--media-addresses=${network.ours}`] },
    browser: { network },
  });
  between(title, { family, place }, story);
}

/** A story with the people and the server wherever `place` says. */
function between(title, { family = 4, place }, story) {
  it(title, { skip: Network.obstacle || false }, async () => {
    count += 1;
    const closing = [];
    const stage = new Stage();
    try {
      const network = new Network(count, { family });
      closing.push(() => network.end());
      const { server, browser, url } = place(network);
      const certificate = new Certificate([url?.hostname ?? network.ours]);
      closing.push(() => certificate.remove());
      const flags = ['--access=open', ...certificate.flags, ...server.flags];
      stage.keel = await Keel.start({ ...server, flags });
      closing.push(() => stage.keel.stop());
      if (url) stage.keel.url = url.href;
      stage.browser = await launchChromium({ trusting: true, mdns: false, ...browser });
      closing.push(() => stage.browser.close());
      await story(stage, network);
      await stage.clear();
    } finally {
      for (const close of closing.reverse()) await close();
    }
  });
}

/** A call, in which both see and hear. */
async function call(stage) {
  const ada = await stage.seat('Ada');
  const ben = await stage.seat('Ben');
  await stage.callBetween(ada, ben);
  await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
  return [ada, ben];
}

describe('People in a network', () => {
  inside('behind a symmetric NAT need no relay', {}, async (stage) => {
    for (const seat of await call(stage)) {
      const { type, wire } = await seat.path();
      assert.equal(wire, 'udp');
      assert.notEqual(type, 'relay');
    }
  });

  inside('that lets no UDP out are connected by TCP', {}, async (stage, network) => {
    network.forbid('meta l4proto udp');
    for (const seat of await call(stage)) assert.equal((await seat.path()).wire, 'tcp');
  });

  inside('that lets nothing out but the web are connected by TLS on its port', {}, async (stage, network) => {
    network.forbid('meta l4proto udp');
    network.forbid(`tcp dport != ${new URL(stage.keel.url).port}`);
    for (const seat of await call(stage)) assert.deepEqual(await seat.path(), { type: 'relay', wire: 'tls' });
  });

  inside('that has IPv6 alone are connected', { family: 6 }, async (stage) => {
    for (const seat of await call(stage)) {
      assert.equal((await seat.path()).wire, 'udp');
      for (const host of await seat.offeredHosts()) assert.match(host, /:/);
    }
  });
});

describe('A server behind a NAT', () => {
  const place = (network) => {
    for (const [protocol, port] of [['tcp', 8443], ['udp', 10_000]]) network.forward(`${protocol} dport ${port}`);
    return {
      server: {
        address: network.inner,
        mediaPort: 10_000,
        within: network.within,
        httpPort: 8443,
        flags: [`--announce=${network.outer}`],
      },
      browser: {},
      url: new URL(`https://${network.outer}:8443/`),
    };
  };

  between('is reached at the address that it announces', { place }, async (stage) => {
    for (const seat of await call(stage)) assert.equal((await seat.path()).wire, 'udp');
  });
});
