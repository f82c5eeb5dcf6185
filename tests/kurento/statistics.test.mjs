import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { Statistics } from './apps/statistics.mjs';
import { tell } from './theatre.mjs';

/** Enough packets for counters to be compared: some three seconds of them. */
const PACKETS = 120;
/** By how much counters of both sides may differ, read one after the other while packets flow: half a second of them,
    which a browser on a busy machine takes to answer. */
const TOLERANCE = 0.2;

tell('Statistics', (theatre) => {
  it('begin when media flows, and agree with the browser\'s own', async () => {
    const app = await theatre.runs(Statistics);
    const ada = await theatre.visitor('hello-world', 'Ada');
    await ada.press('start');
    await ada.isIn('started');
    assert.deepEqual(await app.mediaFlows(), { oldState: 'DISCONNECTED', newState: 'CONNECTED' });
    await ada.sees();
    const { server, browser } = await until(
      `${PACKETS} packets each way`,
      async () => ({ server: await app.video(), browser: await ada.page.evaluate(ownVideo) }),
      (seen) => (seen.server.inboundrtp?.packetsReceived ?? 0) > PACKETS && (seen.server.outboundrtp?.packetsSent ?? 0) > PACKETS,
    );

    const { inboundrtp, outboundrtp, endpoint } = server;
    assert.equal(inboundrtp.ssrc, String(browser.sent.ssrc), 'what the browser sends');
    assert.equal(outboundrtp.ssrc, String(browser.received.ssrc), 'what the browser receives');
    // Chromium adds to what it sent the probes on the stream's RTX ssrc, so its count is only an upper bound; what comes
    // back to it is exactly what came here.
    assert.ok(inboundrtp.packetsReceived <= browser.sent.packetsSent, 'packets from the browser');
    assert.ok(inboundrtp.bytesReceived <= browser.sent.bytesSent, 'bytes from the browser');
    agrees(inboundrtp.packetsReceived, browser.received.packetsReceived, 'packets from the browser and back');
    agrees(inboundrtp.bytesReceived, browser.received.bytesReceived, 'bytes from the browser and back');
    agrees(outboundrtp.packetsSent, browser.received.packetsReceived, 'packets to the browser');
    agrees(outboundrtp.bytesSent, browser.received.bytesReceived, 'bytes to the browser');
    assert.equal(inboundrtp.packetsLost, 0);
    assert.ok(Math.abs(outboundrtp.pliCount - browser.received.pliCount) <= 1, 'keyframe requests of the browser');
    for (const stream of [inboundrtp, outboundrtp]) {
      const { __module__, id, timestampMillis, isRemote } = stream;
      assert.equal(__module__, 'kurento');
      assert.equal(typeof id, 'string');
      assert.ok(Math.abs(timestampMillis - Date.now()) < 60_000);
      assert.equal(isRemote, false);
      for (const field of ['firCount', 'pliCount', 'nackCount', 'sliCount', 'remb', 'packetsLost', 'fractionLost']) {
        assert.equal(typeof stream[field], 'number', field);
      }
    }
    assert.equal(inboundrtp.__type__, 'RTCInboundRTPStreamStats');
    assert.equal(outboundrtp.__type__, 'RTCOutboundRTPStreamStats');
    assert.ok(inboundrtp.jitter >= 0 && inboundrtp.jitter < 1, `${inboundrtp.jitter} s`);
    assert.ok(outboundrtp.roundTripTime >= 0 && outboundrtp.roundTripTime < 1, `${outboundrtp.roundTripTime} s`);
    assert.equal(endpoint.__type__, 'EndpointStats');
    const latency = endpoint.E2ELatency.find(({ type }) => type === 'VIDEO');
    assert.ok(latency.avg >= 0, JSON.stringify(endpoint.E2ELatency));
  });
});

function agrees(ours, theirs, what) {
  assert.ok(Math.abs(ours - theirs) <= theirs * TOLERANCE, `${what}: ${ours} here, ${theirs} in the browser`);
}

/** Runs in the page: the browser's own statistics of the picture. */
async function ownVideo() {
  const report = [...(await window.keelPeers.at(-1).getStats()).values()];
  const of = (type) => report.find((entry) => entry.type === type && entry.kind === 'video');
  return { sent: of('outbound-rtp'), received: of('inbound-rtp') };
}
