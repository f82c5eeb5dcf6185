import { it } from 'node:test';
import { OneToOne } from './apps/one-to-one.mjs';
import { tell } from './theatre.mjs';

tell('A call by kurento-client', (theatre) => {
  /** Two registered users. */
  async function users() {
    await theatre.runs(OneToOne);
    const both = [await theatre.visitor('one-to-one', 'Ada'), await theatre.visitor('one-to-one', 'Ben')];
    for (const user of both) {
      await user.write('name', user.name);
      await user.press('register');
      await user.isIn('registered');
    }
    return both;
  }

  async function talk(caller, callee) {
    await caller.write('peer', callee.name);
    await caller.press('call');
    await callee.isIn('ringing');
    await callee.press('accept');
    await Promise.all([caller.isIn('talking'), callee.isIn('talking')]);
    await Promise.all([caller.seesAndHears(), callee.seesAndHears()]);
  }

  it('carries picture and sound both ways, ends, and can be followed by another one the other way round', async () => {
    const [ada, ben] = await users();
    await talk(ada, ben);
    await ada.press('stop');
    await ben.isIn('registered');
    await theatre.keel.holdsNothing();
    await talk(ben, ada);
  });

  it('may be rejected', async () => {
    const [ada, ben] = await users();
    await ada.write('peer', ben.name);
    await ada.press('call');
    await ben.isIn('ringing');
    await ben.press('reject');
    await ada.isIn('rejected');
  });
});
