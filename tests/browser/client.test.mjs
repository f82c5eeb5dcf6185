import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Guest } from './guest.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

/** Messages that even a busy machine passes on faster than 256 of them a second. */
const FLOOD = 2_000;

/** Pages that use the client by themselves: any page of the server will do to load it. */
tell('A program on the client', { person: Guest, seating: { video: 'off' } }, (stage) => {
  it('makes a room of two in advance, moderates it, and a third is told that it is full', async () => {
    const ada = await stage.arrive('Ada');
    const made = await ada.page.evaluate(async (server) => {
      const { createRoom } = await import('/client/index.js');
      return createRoom(server, { sizeMax: 2 });
    }, groupCall(stage));
    assert.equal(made.sizeMax, 2);
    assert.match(made.room, /\w/);

    await joins(ada, stage, { room: made.room, token: made.moderatorToken });
    assert.ok(await ada.page.evaluate(() => window.room.self.moderator));
    const ben = await stage.arrive('Ben');
    await joins(ben, stage, { room: made.room });
    assert.equal(await ben.page.evaluate(() => window.room.self.moderator), false);
    assert.equal(await ben.page.evaluate(() => window.room.endForAll().catch(({ code }) => code)), 'notModerator');

    const cay = await stage.arrive('Cay');
    assert.equal(await refusal(cay, stage, { room: made.room }), 'roomFull');
    assert.equal(await refusal(cay, stage, { room: made.room, token: 'made up' }), 'badToken');

    await ada.page.evaluate(() => window.room.promote(window.room.participants[0]));
    await until('a second moderator', () => ben.page.evaluate(() => window.room.self.moderator));
    await ben.page.evaluate(() => window.room.endForAll());
    assert.equal(await until('the end', () => ada.page.evaluate(() => window.ended)), 'roomEnded');
  });

  it('publishes what it draws and plays what comes', async () => {
    const ada = await stage.arrive('Ada');
    const ben = await stage.arrive('Ben');
    for (const program of [ada, ben]) await joins(program, stage, { room: 'drawn' });
    await ada.page.evaluate(async () => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
      const context = canvas.getContext('2d');
      let hue = 0;
      setInterval(() => {
        hue = (hue + 7) % 360;
        context.fillStyle = `hsl(${hue} 90% 60%)`;
        context.fillRect(0, 0, canvas.width, canvas.height);
      }, 100);
      window.track = await window.room.publish(canvas.captureStream(10).getVideoTracks()[0], { source: 'camera' });
    });
    await ben.page.evaluate(() => {
      const video = Object.assign(document.createElement('video'), { id: 'shown', autoplay: true, muted: true, width: 320, height: 180 });
      document.body.prepend(video);
      const [participant] = window.room.participants;
      const show = () => participant.track('camera') && window.room.subscribe(participant.track('camera'), video);
      window.room.addEventListener('trackpublished', show);
      show();
    });
    await ben.sees('shown');
    // Stopped and published again on the same line, it is a new track.
    const before = await ada.page.evaluate(async () => {
      const { id, mediaTrack } = window.track;
      await window.track.stop();
      window.track = await window.room.publish(mediaTrack, { source: 'camera' });
      return id;
    });
    assert.notEqual(await ada.page.evaluate(() => window.track.id), before);
    await ben.sees('shown');
    const [publishing] = await ada.page.evaluate(() => window.keelPeers.map((peer) => peer.getTransceivers().length));
    assert.equal(publishing, 1, 'the line was used again');
  });

  it('exchanges text and bytes with who wants them, over data channels', async () => {
    const programs = [];
    for (const name of ['Ada', 'Ben', 'Cay']) {
      const program = await stage.arrive(name);
      await joins(program, stage, { room: 'data' });
      await program.page.evaluate(() => {
        window.got = [];
        window.room.addEventListener('data', ({ detail: { participant, data } }) => {
          window.got.push([participant.name, typeof data === 'string' ? data : [...new Uint8Array(data)]]);
        });
      });
      programs.push(program);
    }
    const [ada, ben, cay] = programs;
    for (const program of [ada, ben]) await program.page.evaluate(() => window.room.openData());
    await ada.page.evaluate(() => {
      window.room.sendData('hello <b>you</b>');
      window.room.sendData(new Uint8Array([0, 10, 255]));
      window.room.sendData('x'.repeat(16_384));
    });
    const got = (program) => program.page.evaluate(() => window.got);
    const heard = await until('three messages', () => got(ben), ({ length }) => length === 3);
    assert.deepEqual(heard.slice(0, 2), [[ada.name, 'hello <b>you</b>'], [ada.name, [0, 10, 255]]]);
    assert.equal(heard[2][1].length, 16_384);
    await ben.page.evaluate(() => window.room.sendData('and you'));
    assert.deepEqual(await until('an answer', () => got(ada), ({ length }) => length === 1), [[ben.name, 'and you']]);

    const codes = await ada.page.evaluate(() => ['x'.repeat(16_385), '\u00e9'.repeat(8193), new ArrayBuffer(16_385)].map((data) => {
      try {
        return window.room.sendData(data);
      } catch ({ code }) {
        return code;
      }
    }));
    assert.deepEqual(codes, ['tooLong', 'tooLong', 'tooLong']);
    // The third one asked for nothing: no connection, no message.
    assert.deepEqual(await got(cay), []);
    assert.deepEqual(await cay.connectionStates(), ['new', 'new']);
    assert.equal(await cay.page.evaluate(() => {
      try {
        return window.room.sendData('to whom');
      } catch ({ code }) {
        return code;
      }
    }), 'disconnected');

    // Who reloads the connection by coming back anew has it opened again, and one who joins now gets what comes now.
    await cay.page.evaluate(() => window.room.openData());
    await ben.page.evaluate(() => window.room.sendData('welcome'));
    assert.deepEqual(await until('a word to the third', () => got(cay), ({ length }) => length === 1), [[ben.name, 'welcome']]);
  });

  it('floods nobody: what is over its rate is dropped and counted', async () => {
    const [ada, ben] = [await stage.arrive('Ada'), await stage.arrive('Ben')];
    for (const program of [ada, ben]) {
      await joins(program, stage, { room: 'flood' });
      await program.page.evaluate(async () => {
        window.count = 0;
        window.room.addEventListener('data', () => { window.count += 1; });
        await window.room.openData();
      });
    }
    const dropped = () => stage.keel.metric('keel_drops_total{reason="data_too_fast"}');
    const before = await dropped();
    await ada.page.evaluate(async (count) => {
      for (let number = 1; number <= count; number += 1) {
        window.room.sendData('flood');
        if (number % 100 === 0) await new Promise((resume) => setTimeout(resume)); // as a program that draws in between
      }
    }, FLOOD);
    const look = async () => ({ dropped: (await dropped()) - before, arrived: await ben.page.evaluate(() => window.count) });
    const seen = await until('each to have arrived or been counted', look, (seen) => seen.dropped + seen.arrived === FLOOD);
    assert.ok(seen.dropped > 0 && seen.arrived >= 512, JSON.stringify(seen)); // 512 KiB at once, of 1 KiB each
  });

  it('finds another way when the network changes', async () => {
    const ada = await stage.seat('Ada', { seating: {} });
    const ben = await stage.seat('Ben', { seating: {} });
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
    const before = await credentials(ada);
    await ada.page.evaluate(() => window.dispatchEvent(new Event('online')));
    await until('new credentials both ways', () => credentials(ada), (now) =>
      now.length === before.length && now.every((ufrag, index) => ufrag !== before[index]));
    await until('both connected', () => ada.connectionStates(), (states) => states.every((state) => state === 'connected'));
    await Promise.all([ada.seesAndHearsAll(ben), ben.seesAndHearsAll(ada)]);
  });
});

function groupCall(stage) {
  return new URL('groupcall', stage.keel.url).href;
}

/** Joins, and leaves the room behind as `window.room`. */
async function joins(program, stage, options) {
  await program.page.evaluate(async (server, wanted) => {
    const { join } = await import('/client/index.js');
    window.room = await join(server, wanted);
    window.room.addEventListener('ended', ({ detail }) => { window.ended = detail.code; });
  }, groupCall(stage), { name: program.name, ...options });
}

/** The code with which somebody is refused. */
function refusal(program, stage, options) {
  return program.page.evaluate(async (server, wanted) => {
    const { join } = await import('/client/index.js');
    return join(server, wanted).then(() => 'let in', ({ code }) => code);
  }, groupCall(stage), { name: program.name, ...options });
}

/** The ICE user fragments that the server uses on each of a page's connections. */
function credentials(guest) {
  return guest.page.evaluate(() => window.keelPeers.map((peer) => /a=ice-ufrag:(\S+)/.exec(peer.remoteDescription?.sdp ?? '')?.[1]));
}
