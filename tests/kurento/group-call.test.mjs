import assert from 'node:assert/strict';
import { it } from 'node:test';
import { GroupCall } from './apps/group-call.mjs';
import { tell } from './theatre.mjs';

const NAMES = ['Ada', 'Ben', 'Cay', 'Dan'];

tell('A group call of four', (theatre) => {
  it('shows and plays everybody to everybody; one leaves, the others go on', async () => {
    await theatre.runs(GroupCall);
    const everybody = [];
    for (const name of NAMES) {
      const participant = await theatre.visitor('group-call', name);
      await participant.write('name', name);
      await participant.press('join');
      await participant.isIn('joined');
      everybody.push(participant);
    }
    const seeEachOther = (participants) => Promise.all(participants.flatMap((seeing) =>
      participants.filter((seen) => seen !== seeing).map((seen) => seeing.seesAndHears(`video-${seen.name}`))));
    await seeEachOther(everybody);
    const endpoints = NAMES.length ** 2;
    assert.equal((await theatre.keel.gauges()).keel_endpoints, endpoints);
    assert.equal((await theatre.keel.gauges()).keel_pipelines, 1);

    const [leaving, ...staying] = everybody;
    await leaving.press('leave');
    for (const participant of staying) await participant.seesNoMore(`video-${leaving.name}`);
    await seeEachOther(staying);
  });
});
