import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { Diary } from './apps/diary.mjs';
import { tell } from './theatre.mjs';

tell('The events of an endpoint', (theatre) => {
  it('tell its life in Kurento\'s order and in Kurento\'s form, from the first candidate to the end of its peer', async () => {
    const diary = await theatre.runs(Diary);
    const ada = await theatre.visitor('hello-world', 'Ada');
    await ada.press('start');
    await ada.isIn('started');
    await ada.seesAndHears();
    const flowing = () => diary.entries.filter(({ state }) => state === 'FLOWING').length;
    await until('picture and sound flowing both ways', flowing, (count) => count === 4);
    await until('the state of the media', () => diary.of('MediaStateChanged').length);

    const { endpoint } = diary;
    for (const { source, tags, type, timestampMillis } of diary.entries) {
      assert.equal(source, endpoint.id, type);
      assert.deepEqual(tags, [], type);
      assert.match(timestampMillis, /^\d{13}$/, type);
    }
    const ice = diary.of('IceComponentStateChanged');
    assert.deepEqual(ice.slice(0, 3).map(({ state }) => state), ['GATHERING', 'CONNECTING', 'CONNECTED']);
    assert.ok(ice.every(({ streamId, componentId }) => typeof streamId === 'number' && componentId === 1));
    const [pair] = diary.of('NewCandidatePairSelected');
    const { __type__, streamId, componentId, localCandidate, remoteCandidate } = pair.candidatePair;
    assert.deepEqual([__type__, typeof streamId, componentId], ['IceCandidatePair', 'string', 1]);
    for (const candidate of [localCandidate, remoteCandidate]) assert.match(candidate, /^candidate:\S+ 1 udp \d+ \S+ \d+ typ/i);
    assert.equal(diary.of('DtlsConnectionStateChange').at(-1).state, 'CONNECTED');
    for (const type of ['MediaFlowInStateChanged', 'MediaFlowOutStateChanged']) {
      const flows = diary.of(type).map(({ mediaType, padName, state }) => `${mediaType} ${padName} ${state}`);
      assert.deepEqual(flows.sort(), ['AUDIO default FLOWING', 'VIDEO default FLOWING'], type);
    }
    for (const type of ['ConnectionStateChanged', 'MediaStateChanged']) {
      const changes = diary.of(type).map(({ oldState, newState }) => [oldState, newState]);
      assert.deepEqual(changes, [['DISCONNECTED', 'CONNECTED']], type);
    }
    assert.deepEqual(diary.of('Error'), []);
    const place = (type, isIt = () => true) => diary.entries.findIndex((event) => event.type === type && isIt(event));
    const connected = place('IceComponentStateChanged', ({ state }) => state === 'CONNECTED');
    const order = [
      place('IceComponentStateChanged', ({ state }) => state === 'GATHERING'),
      place('IceComponentStateChanged', ({ state }) => state === 'CONNECTING'),
      place('NewCandidatePairSelected'),
      connected,
      place('MediaStateChanged'),
    ];
    const told = diary.entries.map(({ type, state }) => `${type} ${state ?? ''}`).join(', ');
    assert.deepEqual(order, [...order].sort((a, b) => a - b), told);

    await ada.page.evaluate(() => window.keelPeers.at(-1).close());
    const isEnd = ({ state, newState, type }) =>
      state === 'NOT_FLOWING' || newState === 'DISCONNECTED' || type === 'MediaSessionTerminated';
    const ended = () => diary.entries.filter(isEnd).map(({ type }) => type);
    const ends = ['MediaFlowOutStateChanged', 'MediaStateChanged', 'ConnectionStateChanged', 'MediaSessionTerminated'];
    await until('the end in all its parts', ended, (types) => ends.every((type) => types.includes(type)));
  });
});
