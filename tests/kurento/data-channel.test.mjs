import { it } from 'node:test';
import { until } from '../shared/waiting.mjs';
import { HelloWorld } from './apps/hello-world.mjs';
import { tell } from './theatre.mjs';

tell('A data channel', (theatre) => {
  it('brings back what it was given, beside picture and sound', async () => {
    await theatre.runs(HelloWorld, { useDataChannels: true });
    const ada = await theatre.visitor('data-channel', 'Ada');
    await ada.press('start');
    await ada.isIn('started');
    const texts = ['hello', 'grüß dich ✓', 'x'.repeat(10_000)];
    for (const text of texts) {
      await ada.write('text', text);
      await ada.press('send');
    }
    const expected = texts.map((text) => `${text}\n`).join('');
    await until('the echo', () => ada.text('echo'), (echo) => echo === expected);
    await ada.seesAndHears();
  });
});
