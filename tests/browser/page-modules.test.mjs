/** The page's modules that need no browser. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NODE, layOut } from '../../web/admin/layout.js';
import { Rates, lossShare } from '../../web/admin/rates.js';
import { readOptions, serverAddress } from '../../web/options.js';
import { asSentence } from '../../web/sentence.js';
import { streamWords } from '../../web/admin/streams-view.js';
import { operationsByTag, schemas } from '../../web/api-docs/outline.js';
import { sendEncodings } from '../../web/client/encodings.js';
import { tune } from '../../web/live/whip.js';
import { healthOf } from '../../web/studio/health.js';
import { drawName, isStreamName } from '../../web/studio/name.js';
import { messageOf } from '../../web/viewer/message-view.js';
import { namesOf } from '../../web/viewer/quality-view.js';
import { Sparkline } from '../../web/sparkline.js';
import { bitrate, duration } from '../../web/quantity.js';
import { Statistics } from '../../web/statistics.js';

describe('Options', () => {
  it('ask the camera for what the address says', () => {
    const small = { width: { ideal: 160 }, height: { ideal: 90 } };
    assert.deepEqual(readOptions('?video=160x90@10').video, { ...small, frameRate: { ideal: 10, max: 10 } });
    assert.deepEqual(readOptions('?video=160x90').video, { ...small, frameRate: { ideal: 30 } });
    assert.equal(readOptions('?video=off').video, false);
  });

  it('ask for the usual where the address says nothing that can be read', () => {
    const usual = readOptions('').video;
    assert.equal(usual.width.ideal, 1280);
    for (const search of ['?video=', '?video=big', '?video=160', '?video=160x90@', '?video=-1x2', '?video=160x90@10x']) {
      assert.deepEqual(readOptions(search).video, usual, search);
    }
  });

  it('name a room, or none', () => {
    assert.equal(readOptions('?room=%20monday-team%20').room, 'monday-team');
    assert.equal(readOptions('').room, '');
  });

  it('pass the access token on, whatever is in it', () => {
    const { accessToken } = readOptions('?access_token=a%26b%3D');
    const page = new URL('http://localhost:8080/?access_token=a%26b%3D&video=off');
    assert.equal(serverAddress('/call', accessToken, page).href, 'http://localhost:8080/call?access_token=a%26b%3D');
    assert.equal(serverAddress('/call', null, page).href, 'http://localhost:8080/call');
  });
});

describe('Statistics', () => {
  const at = (seconds, entries) => entries.map((entry) => [entry.id, { ...entry, timestamp: 1000 * seconds }]);
  const video = { id: 'v', type: 'inbound-rtp', kind: 'video', frameWidth: 640, frameHeight: 360, framesPerSecond: 29.6 };
  const audio = { id: 'a', type: 'inbound-rtp', kind: 'audio' };

  it('are rates over the interval between two reports', () => {
    const statistics = new Statistics();
    const first = statistics.read(at(0, [
      { ...video, bytesReceived: 1000, packetsReceived: 10, packetsLost: 0 },
      { ...audio, bytesReceived: 0, packetsReceived: 0, packetsLost: 0 },
    ]));
    assert.equal(first.received.bitrate, null, 'one report has no interval');
    const { received } = statistics.read(at(2, [
      { ...video, bytesReceived: 51_000, packetsReceived: 100, packetsLost: 4 },
      { ...audio, bytesReceived: 10_000, packetsReceived: 100, packetsLost: 6 },
    ]));
    assert.equal(received.bitrate, (8 * 60_000) / 2);
    assert.equal(received.loss, 10 / 200);
    assert.deepEqual([received.width, received.height, received.framesPerSecond], [640, 360, 29.6]);
  });

  it('count no loss where a late packet made the counter go back', () => {
    const statistics = new Statistics();
    statistics.read(at(0, [{ ...video, bytesReceived: 0, packetsReceived: 0, packetsLost: 5 }]));
    const { received } = statistics.read(at(1, [{ ...video, bytesReceived: 0, packetsReceived: 50, packetsLost: 3 }]));
    assert.equal(received.loss, 0);
  });

  it('start anew with a stream that was not there before', () => {
    const statistics = new Statistics();
    statistics.read(at(0, []));
    const { received } = statistics.read(at(1, [{ ...video, bytesReceived: 9000, packetsReceived: 9, packetsLost: 0 }]));
    assert.equal(received.bitrate, null);
    assert.equal(received.loss, null);
  });

  it('take loss and round trip of what is sent from the other end and the transport', () => {
    const reading = new Statistics().read(at(0, [
      { id: 'o', type: 'outbound-rtp', kind: 'video', bytesSent: 0 },
      { id: 'r1', type: 'remote-inbound-rtp', fractionLost: 0.01, roundTripTime: 0.5 },
      { id: 'r2', type: 'remote-inbound-rtp', fractionLost: 0.05, roundTripTime: 0.5 },
      { id: 't', type: 'transport', selectedCandidatePairId: 'p' },
      { id: 'p', type: 'candidate-pair', currentRoundTripTime: 0.012 },
    ]));
    assert.equal(reading.sent.loss, 0.05);
    assert.equal(reading.roundTripMs, 12);
  });

  it('find the round trip of a browser without a transport entry', () => {
    const reading = new Statistics().read(at(0, [
      { id: 'p1', type: 'candidate-pair', selected: false, currentRoundTripTime: 1 },
      { id: 'p2', type: 'candidate-pair', selected: true, currentRoundTripTime: 0.02 },
    ]));
    assert.equal(reading.roundTripMs, 20);
  });
});

describe('What is sent in several sizes', () => {
  it('has the figures of the largest, and what keeps it small', () => {
    const sent = (id, frameWidth, framesPerSecond, qualityLimitationReason) =>
      [id, { id, type: 'outbound-rtp', kind: 'video', timestamp: 0, frameWidth, frameHeight: frameWidth / 2, framesPerSecond, qualityLimitationReason }];
    const reading = new Statistics().read([sent('q', 160, 30, 'none'), sent('h', 320, 30, 'bandwidth'), sent('f', 640, 0, 'bandwidth')]);
    assert.equal(reading.sent.width, 320, 'the largest does not flow');
    assert.equal(reading.limitedBy, 'bandwidth');
    assert.equal(new Statistics().read([sent('q', 160, 30, 'none')]).limitedBy, null);
  });
});

describe('Sparkline', () => {
  it('ends at the right edge and reaches the top at the peak', () => {
    const line = new Sparkline();
    for (const value of [0, 50, 100]) line.push(value);
    assert.equal(line.peak, 100);
    assert.equal(line.points(59, 10, line.peak), '57.0,10.0 58.0,5.0 59.0,0.0');
  });

  it('keeps the last minute', () => {
    const line = new Sparkline();
    for (let value = 100; value > 0; value -= 1) line.push(value);
    assert.equal(line.peak, 60);
    assert.equal(line.points(59, 10, line.peak).split(' ').length, 60);
  });

  it('is flat without any traffic', () => {
    const line = new Sparkline();
    line.push(0);
    assert.equal(line.points(59, 10, line.peak), '59.0,10.0');
  });
});

describe('Texts', () => {
  it('show durations as minutes, and as hours where needed', () => {
    assert.deepEqual([0, 59_999, 61_000, 3_600_000, 36_061_000].map(duration), ['0:00', '0:59', '1:01', '1:00:00', '10:01:01']);
  });

  it('make sentences of what the server says', () => {
    assert.equal(asSentence('the user is busy'), 'The user is busy.');
    assert.equal(asSentence('Éa has left.'), 'Éa has left.');
    assert.equal(asSentence('ça va?'), 'Ça va?');
  });
});

describe('The drawing of a pipeline', () => {
  const elements = (...ids) => ids.map((id) => ({ id }));
  const column = (places, id) => (places.get(id).x - NODE.margin) / (NODE.width + NODE.gapX);

  it('has viewers right of what feeds them, below each other', () => {
    const connections = [{ source: 1, sink: 2 }, { source: 2, sink: 3 }, { source: 2, sink: 4 }];
    const { places, width, height } = layOut(elements(1, 2, 3, 4), connections);
    assert.deepEqual([1, 2, 3, 4].map((id) => column(places, id)), [0, 1, 2, 2]);
    assert.ok(places.get(4).y > places.get(3).y);
    for (const { x, y } of places.values()) assert.ok(x + NODE.width < width && y + NODE.height < height);
  });

  it('puts two that feed each other beside each other, and a loop and a stranger anywhere', () => {
    const { places } = layOut(elements(1, 2, 3), [{ source: 1, sink: 2 }, { source: 2, sink: 1 }, { source: 3, sink: 3 }]);
    assert.deepEqual([1, 2, 3].map((id) => column(places, id)), [0, 1, 0]);
    assert.equal(layOut(elements(7), [{ source: 7, sink: 99 }]).places.size, 1);
    assert.equal(layOut([], []).places.size, 0);
  });

  it('shows rates from the second answer on, and none for what began anew', () => {
    const rates = new Rates();
    rates.begin(1000);
    assert.equal(rates.of('a', 500), undefined);
    rates.begin(3000);
    assert.equal(rates.of('a', 1500), 500);
    assert.equal(rates.of('b', 9), undefined);
    rates.begin(5000);
    assert.equal(rates.of('a', 100), undefined);
  });

  it('has rates in words and loss as a share', () => {
    assert.deepEqual([undefined, 12, 48_400, 2_540_000].map(bitrate), ['', '12 bit/s', '48 kbit/s', '2.5 Mbit/s']);
    assert.deepEqual([lossShare(1, 9), lossShare(-3, 9), lossShare(0, 0), lossShare(undefined, 9)], [0.1, 0, 0, undefined]);
  });
});

describe('The description of the REST API', () => {
  const text = { type: 'string', description: 'Its name' };
  const problem = { description: 'No', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
  const described = {
    paths: {
      '/api/rooms': {
        post: {
          tags: ['rooms'],
          summary: 'Make a room',
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/NewRoom' } } } },
          responses: { 201: { description: 'Made' }, 400: problem },
        },
        get: { parameters: [{ name: 'limit', in: 'query', schema: { type: ['integer', 'null'] } }] },
      },
    },
    components: {
      schemas: { NewRoom: { required: ['room'], properties: { room: text, tags: { type: 'array', items: text } } } },
    },
  };

  it('is put into lines by tag', () => {
    const groups = operationsByTag(described);
    assert.deepEqual([...groups.keys()].sort(), ['other', 'rooms']);
    const [made] = groups.get('rooms');
    assert.deepEqual([made.method, made.path, made.title, made.body], ['POST', '/api/rooms', 'Make a room', 'NewRoom']);
    assert.deepEqual(made.answers, [['201', '', 'Made'], ['400', 'application/problem+json', 'No']]);
    assert.deepEqual(groups.get('other')[0].parameters, [['limit', 'integer | null, in the query', '']]);
  });

  it('names the fields of bodies and which may be left out', () => {
    const fields = [['room', 'string', 'Its name'], ['tags (optional)', 'list of string', '']];
    assert.deepEqual(schemas(described), [{ name: 'NewRoom', words: '', values: [], fields }]);
  });

  it('is empty where nothing is described', () => {
    assert.equal(operationsByTag({}).size, 0);
    assert.deepEqual(schemas({}), []);
  });
});

describe('The name of a stream', () => {
  it('is what the server takes', () => {
    for (const name of ['a', 'live-1_b.c~', '...', 'x'.repeat(64)]) assert.ok(isStreamName(name), name);
    for (const other of ['', '.', '..', 'a b', 'a/b', 'é', 'x'.repeat(65)]) assert.ok(!isStreamName(other), other);
  });

  it('is drawn so that nobody has it', () => {
    const drawn = new Set(Array.from({ length: 100 }, drawName));
    assert.equal(drawn.size, 100);
    assert.ok([...drawn].every(isStreamName));
  });
});

describe('The health of a stream', () => {
  const reading = { sent: { loss: 0, bitrate: 1e6 }, roundTripMs: 20, limitedBy: null };

  it('is as good as its worst figure', () => {
    const level = (further) => healthOf({ ...reading, ...further }).level;
    assert.equal(level({}), 'good');
    assert.equal(level({ sent: { loss: null, bitrate: null }, roundTripMs: null }), 'good', 'nothing is known yet');
    assert.equal(level({ sent: { loss: 0.03, bitrate: 1e6 } }), 'fair');
    assert.equal(level({ sent: { loss: 0.1, bitrate: 1e6 }, limitedBy: 'cpu' }), 'poor');
    assert.equal(level({ limitedBy: 'bandwidth' }), 'fair');
    assert.equal(level({ roundTripMs: 400 }), 'fair');
    assert.equal(level({ sent: { loss: 0, bitrate: 0 } }), 'poor');
  });
});

describe('What is sent of another picture', () => {
  it('keeps the number of encodings, the best of them last', () => {
    const encodings = ['q', 'h', 'f'].map((rid) => ({ rid, active: true, maxFramerate: 30 }));
    tune(encodings, sendEncodings('screen', 1080));
    assert.deepEqual(encodings.map(({ rid, active }) => [rid, active]), [['q', false], ['h', true], ['f', true]]);
    assert.equal(encodings[2].maxBitrate, 2_500_000);
    tune(encodings, sendEncodings('camera', 720));
    assert.ok(encodings.every(({ active, maxFramerate }) => active && maxFramerate === undefined));
    const [only] = [{ active: true }];
    tune([only], sendEncodings('screen', 1080));
    assert.deepEqual(only, { active: true, scaleResolutionDownBy: 1, maxBitrate: 2_500_000, maxFramerate: 30 });
  });
});

describe("A viewer's page", () => {
  it('names the sizes of the picture, the least first', () => {
    assert.deepEqual([1, 2, 3].map(namesOf), [[], ['Low', 'High'], ['Low', 'Medium', 'High']]);
    assert.equal(namesOf(5).length, 5);
  });

  it('has words for where the stream stands', () => {
    assert.match(messageOf({ phase: 'waiting', hasPlayed: false }).title, /not begun/);
    assert.match(messageOf({ phase: 'waiting', hasPlayed: true }).title, /ended/);
    assert.equal(messageOf({ phase: 'refused', refusal: 'No.' }).text, 'No.');
    for (const phase of ['joining', 'playing', 'away', 'quiet', 'returning', 'over']) assert.ok(messageOf({ phase }).title, phase);
  });
});

describe("The administrator's list of streams", () => {
  it('says where each stands', () => {
    assert.equal(streamWords({ state: 'waiting', viewers: 2 }, 0), 'waits for its presenter · 2 viewers');
    assert.equal(streamWords({ state: 'live', since: 1000, viewers: 1 }, 62_000), 'live · for 1:01 · 1 viewer');
  });
});
