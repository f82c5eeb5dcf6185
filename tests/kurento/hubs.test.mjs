import assert from 'node:assert/strict';
import { it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { HubMirror } from './apps/hub-mirror.mjs';
import { tell } from './theatre.mjs';

/** What the ports tell when a way is taken. */
const FLOWING = ['AUDIO', 'VIDEO'].flatMap((kind) => [
  `${kind} FLOWING into the inlet`,
  `${kind} FLOWING out of the outlet`,
]);

tell('A hub', (theatre) => {
  for (const hub of ['Dispatcher', 'DispatcherOneToMany', 'Mixer']) {
    it(`of the class ${hub} carries picture and sound from port to port, and its ports say so`, async () => {
      const app = await theatre.runs(HubMirror, { hub });
      const ada = await theatre.visitor('hello-world', 'Ada');
      await ada.press('start');
      await ada.isIn('started');
      await ada.seesAndHears();
      await until('the ports have told', () => FLOWING.every((flow) => app.flows.includes(flow)));
      if (hub === 'Dispatcher') return;

      const told = app.flows.length;
      await app.part();
      const ended = () => app.flows.slice(told);
      await until('the outlet has told the end', () => ended().filter((flow) => flow.endsWith('out of the outlet')).length === 2);
      assert.ok(ended().every((flow) => !flow.includes(' FLOWING ') && !flow.endsWith('into the inlet')), ended().join());
      await app.join();
      await ada.seesAndHears();
    });
  }
});
