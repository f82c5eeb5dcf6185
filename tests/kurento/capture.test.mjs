import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HelloWorld } from './apps/hello-world.mjs';
import { tell } from './theatre.mjs';

const TOKEN = 'the-admin-of-the-stories';
const server = { flags: ['--admin-token', TOKEN] };
const PACKETS = 200;
/** The largest that is kept of a media packet: RTP with extensions, and a codec's descriptor. */
const HEADERS_MAX = 128;

tell('A capture', (theatre) => {
  it('has the headers of what a browser sends and is sent, and nothing of picture and sound', async () => {
    await theatre.runs(HelloWorld);
    const ada = await theatre.visitor('hello-world', 'Ada');
    await ada.press('start');
    await ada.isIn('started');
    await ada.sees();
    const [endpoint] = await endpointsOf(theatre.keel);
    const path = `api/captures?endpoint=${endpoint.id}&packets=${PACKETS}`;
    const response = await fetch(new URL(path, theatre.keel.url), { method: 'POST', headers: { authorization: `Bearer ${TOKEN}` } });
    assert.equal(response.status, 200);
    const packets = packetsOf(Buffer.from(await response.arrayBuffer()));
    assert.equal(packets.length, PACKETS);

    const [keel] = endpoint.endpoint.local.split(':').slice(-1).map(Number);
    const isRtcp = ({ payload }) => payload[1] >= 192 && payload[1] <= 223;
    const media = packets.filter((packet) => !isRtcp(packet));
    assert.ok(packets.some(isRtcp), 'RTCP');
    assert.ok(media.some(({ source }) => source === keel) && media.some(({ destination }) => destination === keel), 'both ways');
    const ssrcs = new Set(media.map(({ payload }) => payload.readUInt32BE(8)));
    for (const { ssrc } of [...endpoint.endpoint.incoming, ...endpoint.endpoint.outgoing]) assert.ok(ssrcs.has(ssrc), `SSRC ${ssrc}`);
    for (const { payload, length } of packets) {
      assert.equal(payload[0] >> 6, 2, 'version 2, in plaintext');
      assert.ok(payload.length <= length);
    }
    assert.ok(media.every(({ payload }) => payload.length <= HEADERS_MAX), 'headers');
    assert.ok(media.some(({ payload, length }) => length > payload.length + 500), 'media that is left out');
  });
}, server);

async function endpointsOf(keel) {
  const response = await fetch(new URL('api/pipelines', keel.url), { headers: { authorization: `Bearer ${TOKEN}` } });
  const { pipelines } = await response.json();
  return pipelines.flatMap(({ elements }) => elements).filter(({ endpoint }) => endpoint);
}

/** The UDP packets of a pcap file: where each came from and went to, how long it was, what is kept of it. */
function packetsOf(file) {
  assert.deepEqual([file.readUInt32LE(0), file.readUInt32LE(20)], [0xa1b2c3d4, 101], 'microseconds, IP without a link layer');
  const packets = [];
  for (let at = 24; at < file.length;) {
    const [included, original] = [file.readUInt32LE(at + 8), file.readUInt32LE(at + 12)];
    const packet = file.subarray(at + 16, at + 16 + included);
    const header = packet[0] >> 4 === 4 ? 20 : 40;
    packets.push({
      source: packet.readUInt16BE(header),
      destination: packet.readUInt16BE(header + 2),
      payload: packet.subarray(header + 8),
      length: original - header - 8,
    });
    at += 16 + included;
  }
  return packets;
}
