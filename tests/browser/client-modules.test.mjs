/** The client's modules that need no browser. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from '../../web/client/backoff.js';
import { untag } from '../../web/client/data-link.js';
import { activate, sendEncodings } from '../../web/client/encodings.js';
import { KeelError } from '../../web/client/error.js';
import { tuneOpus } from '../../web/client/opus.js';
import { Requests } from '../../web/client/requests.js';
import { Roster } from '../../web/client/roster.js';
import { largest } from '../../web/client/viewport.js';

describe('Backoff', () => {
  it('doubles from half a second to ten, with the upper half random', () => {
    const longest = new Backoff(() => 1);
    assert.deepEqual(Array.from({ length: 7 }, () => longest.next()), [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    const shortest = new Backoff(() => 0);
    assert.deepEqual(Array.from({ length: 3 }, () => shortest.next()), [250, 500, 1000]);
  });

  it('starts small again once the server was reached', () => {
    const backoff = new Backoff(() => 1);
    backoff.next();
    backoff.next();
    backoff.reset();
    assert.equal(backoff.next(), 500);
  });
});

describe('What comes over the data channel', () => {
  const bytes = (text) => new TextEncoder().encode(text).buffer;

  it('names its sender before the first line feed', () => {
    assert.deepEqual(untag('p7\nhello\nagain'), { participant: 'p7', data: 'hello\nagain' });
    assert.deepEqual(untag('p7\n'), { participant: 'p7', data: '' });
    const { participant, data } = untag(bytes('p7\nx\0\n'));
    assert.equal(participant, 'p7');
    assert.deepEqual([...new Uint8Array(data)], [120, 0, 10]);
  });

  it('is nothing without one', () => {
    for (const frame of ['', 'hello', '\nhello', bytes(''), bytes('\nx'), bytes('x'.repeat(40))]) assert.equal(untag(frame), null);
  });
});

describe('Requests', () => {
  it('give each question its own answer, in whatever order they come', async () => {
    const sent = [];
    const requests = new Requests((message) => sent.push(message));
    const asked = [requests.ask({ id: 'chat' }), requests.ask({ id: 'history' })];
    assert.ok(requests.settle({ id: 'chatHistory', request: sent[1].request, messages: [] }));
    assert.ok(requests.settle({ id: 'chatSent', request: sent[0].request, message: 7 }));
    const [chat, history] = await Promise.all(asked);
    assert.equal(chat.message, 7);
    assert.deepEqual(history.messages, []);
  });

  it('fail with the code of the refusal', async () => {
    const requests = new Requests(() => true);
    const asked = requests.ask({ id: 'join' });
    requests.settle({ id: 'error', request: 1, code: 'roomFull', message: 'the room is full' });
    await assert.rejects(asked, (error) => error instanceof KeelError && error.code === 'roomFull');
  });

  it('leave messages that answer nothing to others', () => {
    assert.equal(new Requests(() => true).settle({ id: 'participantJoined' }), false);
  });

  it('fail at once without a connection, and all together when it is lost', async () => {
    let isOpen = true;
    const requests = new Requests(() => isOpen);
    const asked = requests.ask({ id: 'chat' });
    isOpen = false;
    await assert.rejects(requests.ask({ id: 'chat' }), { code: 'disconnected' });
    requests.abandon();
    await assert.rejects(asked, { code: 'disconnected' });
  });

  it('say so when the server is silent, and ignore an answer that comes too late', async () => {
    let silences = 0;
    const requests = new Requests(() => true, () => { silences += 1; }, 1);
    await assert.rejects(requests.ask({ id: 'chat' }), { code: 'timeout' });
    assert.equal(silences, 1);
    assert.ok(requests.settle({ id: 'chatSent', request: 1 }));
  });

  it('are bounded', async () => {
    const requests = new Requests(() => true);
    const asked = Array.from({ length: 64 }, () => requests.ask({ id: 'chat' }));
    await assert.rejects(requests.ask({ id: 'chat' }), { code: 'busy' });
    requests.abandon();
    for (const { status } of await Promise.allSettled(asked)) assert.equal(status, 'rejected');
  });
});

describe('Encodings', () => {
  const rids = (source, height) => sendEncodings(source, height).map(({ rid, scaleResolutionDownBy }) => [rid, scaleResolutionDownBy]);

  it('of a camera are as many as its picture is large enough for', () => {
    assert.deepEqual(rids('camera', 720), [['q', 4], ['h', 2], ['f', 1]]);
    assert.deepEqual(rids('camera', 0), [['q', 4], ['h', 2], ['f', 1]]);
    assert.deepEqual(rids('camera', 360), [['h', 2], ['f', 1]]);
    assert.deepEqual(rids('camera', 90), [['f', 1]]);
  });

  it('of a screen are two, of sound one without a name', () => {
    assert.deepEqual(rids('screen', 1080), [['h', 2], ['f', 1]]);
    assert.deepEqual(rids('microphone', 0), [[undefined, undefined]]);
  });

  it('are switched off when nobody watches them, and on again', () => {
    const encodings = sendEncodings('camera', 720);
    assert.ok(activate(encodings, ['q']));
    assert.deepEqual(encodings.map(({ active }) => active ?? true), [true, false, false]);
    assert.equal(activate(encodings, ['q']), false, 'nothing changed');
    assert.ok(activate(encodings, ['q', 'h', 'f']));
    assert.deepEqual(encodings.map(({ active }) => active ?? true), [true, true, true]);
  });

  it('without a name are watched as long as there is anything to watch', () => {
    const encodings = [{}];
    assert.ok(activate(encodings, []));
    assert.equal(encodings[0].active, false);
    assert.ok(activate(encodings, ['']));
    assert.equal(encodings[0].active, true);
  });
});

describe('Opus', () => {
  const sdp = [
    'v=0', 's=-',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111 63', 'a=mid:0', 'a=rtpmap:111 opus/48000/2', 'a=fmtp:111 minptime=10', 'a=rtpmap:63 red/48000/2', 'a=fmtp:63 111/111',
    'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', 'a=rtpmap:96 VP8/90000',
    'm=audio 9 UDP/TLS/RTP/SAVPF 109', 'a=mid:2', 'a=rtpmap:109 opus/48000/2',
    '',
  ].join('\r\n');

  it('is silent in silence and repairs losses; a shared screen has two channels', () => {
    const lines = tuneOpus(sdp, new Set(['2'])).split('\r\n');
    assert.ok(lines.includes('a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1'));
    assert.equal(lines[lines.indexOf('a=rtpmap:109 opus/48000/2') + 1], 'a=fmtp:109 useinbandfec=1;stereo=1');
    assert.ok(lines.includes('a=fmtp:63 111/111'), 'other formats stay as they are');
    assert.equal(lines.length, sdp.split('\r\n').length + 1);
  });

  it('is left alone in an answer without it', () => {
    const other = 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=rtpmap:0 PCMU/8000\r\n';
    assert.equal(tuneOpus(other, new Set()), other);
  });
});

describe('Tiles', () => {
  it('of one track count as its largest; those without a size are not on the screen', () => {
    assert.deepEqual(largest([
      { track: 'a', width: 100, height: 50, priority: 2 },
      { track: 'a', width: 200, height: 100, priority: 1 },
      { track: 'b', width: 0, height: 100, priority: 1 },
    ]), [{ track: 'a', width: 200, height: 100, priority: 2 }]);
  });
});

describe('The roster', () => {
  const camera = { track: 't1', kind: 'video', source: 'camera', muted: false };
  const ben = { participant: 'p2', name: 'Ben', moderator: false, away: false, tracks: [camera] };
  const joined = (...participants) => ({ participant: 'p1', moderator: true, participants });
  const types = (happened) => happened.map(({ type }) => type);

  function inside(...participants) {
    const roster = new Roster();
    roster.enter(joined(...participants), 'Ada');
    return roster;
  }

  it('begins with who is there', () => {
    const roster = new Roster();
    assert.deepEqual(types(roster.enter(joined(ben), 'Ada')), ['participantjoined', 'trackpublished']);
    assert.ok(roster.self.moderator);
    assert.equal(roster.find('p2').track('camera').id, 't1');
    assert.equal(roster.find('p1'), roster.self);
  });

  it('follows who comes, publishes, mutes and goes', () => {
    const roster = inside();
    assert.deepEqual(types(roster.handle({ id: 'participantJoined', participant: 'p2', name: 'Ben', moderator: false })), ['participantjoined']);
    assert.deepEqual(types(roster.handle({ id: 'trackPublished', participant: 'p2', track: camera })), ['trackpublished']);
    const [muted] = roster.handle({ id: 'trackMuted', participant: 'p2', track: 't1', muted: true, byModerator: true });
    assert.ok(muted.detail.track.muted && muted.detail.byModerator);
    assert.deepEqual(roster.handle({ id: 'trackMuted', participant: 'p2', track: 't1', muted: true, byModerator: true }), [], 'told already');
    assert.deepEqual(types(roster.handle({ id: 'participantLeft', participant: 'p2', reason: 'left' })), ['trackended', 'participantleft']);
    assert.equal(roster.find('p2'), null);
  });

  it('tells what happened while the connection was lost', () => {
    const cay = { participant: 'p3', name: 'Cay', moderator: false, away: false, tracks: [] };
    const roster = inside(ben, cay);
    const dan = { participant: 'p4', name: 'Dan', moderator: false, away: false, tracks: [] };
    const screen = { track: 't9', kind: 'video', source: 'screen', muted: false };
    const happened = roster.enter(joined({ ...ben, away: true, tracks: [screen] }, dan), 'Ada');
    assert.deepEqual(types(happened), ['participantleft', 'participantchanged', 'trackended', 'trackpublished', 'participantjoined']);
    assert.equal(happened[0].detail.participant.name, 'Cay');
    assert.ok(roster.find('p2').away);
  });

  it('keeps the same participant through a short absence, and its quality', () => {
    const roster = inside(ben);
    const known = roster.find('p2');
    roster.handle({ id: 'participantAway', participant: 'p2' });
    assert.ok(known.away);
    assert.deepEqual(roster.handle({ id: 'participantAway', participant: 'p2' }), []);
    roster.handle({ id: 'participantBack', participant: 'p2' });
    assert.ok(!known.away);
    roster.handle({ id: 'quality', participants: [{ participant: 'p2', level: 'poor' }, { participant: 'p99', level: 'good' }] });
    assert.equal(known.quality, 'poor');
  });

  it('knows who speaks, ourselves too, until they go', () => {
    const roster = inside(ben);
    roster.handle({ id: 'speakers', dominant: 'p2', loudest: ['p2', 'p1', 'p99'] });
    assert.equal(roster.speakers.dominant.name, 'Ben');
    assert.deepEqual(roster.speakers.loudest.map(({ name }) => name), ['Ben', 'Ada']);
    roster.handle({ id: 'participantLeft', participant: 'p2', reason: 'left' });
    assert.equal(roster.speakers.dominant, null);
  });

  it('ignores what is about somebody who has gone, and leaves the rest to others', () => {
    const roster = inside();
    assert.deepEqual(roster.handle({ id: 'trackPublished', participant: 'p9', track: camera }), []);
    assert.deepEqual(roster.handle({ id: 'trackEnded', participant: 'p9', track: 't1' }), []);
    assert.equal(roster.handle({ id: 'chatMessage' }), null);
  });
});
