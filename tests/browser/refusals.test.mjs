import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';

tell('Someone who cannot be had', {}, (stage) => {
  it('rejects, and the caller is told by whom', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    await ben.rings();
    await ben.press('incoming-reject');
    await ada.notice(new RegExp(ben.name));
    await Promise.all([ada.isIn('ready'), ben.isIn('ready')]);
    await stage.keel.holdsNothing();
  });

  it('is busy, and the call that keeps them busy goes on', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    const eve = await stage.seat('Eve');
    await stage.callBetween(ada, ben);
    await eve.callByName(ben.name);
    await eve.notice(/busy/i);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);
  });

  it('is unknown', async () => {
    const ada = await stage.seat('Ada');
    await ada.callByName('Nobody');
    await ada.notice(/Nobody.*not registered/i);
    await ada.isIn('ready');
  });

  it('is oneself', async () => {
    const ada = await stage.seat('Ada');
    await ada.callByName(ada.name);
    await ada.notice(/yourself/i);
    await ada.isIn('ready');
  });
});

tell('A name', {}, (stage) => {
  it('in use is refused, and free again when its owner has left', async () => {
    const ada = await stage.seat('Ada');
    const impostor = await stage.arriveAgain(ada);
    await impostor.tryToJoin();
    assert.match(await impostor.refusal(), /in use/i);
    await impostor.isIn('absent');

    const witness = await stage.seat('Witness');
    await witness.lists(ada.name);
    await ada.closeTab();
    await witness.listsNoMore(ada.name);
    await impostor.press('register-submit');
    await impostor.isIn('ready');
  });

  it('that was claimed opens only with its secret', async () => {
    const ada = await stage.arrive('Ada');
    await ada.join('correct horse');
    await ada.press('sign-out');
    await ada.isIn('absent');

    const impostor = await stage.arriveAgain(ada);
    await impostor.tryToJoin('wrong mule');
    assert.match(await impostor.refusal(), /secret/i);
    await impostor.isIn('absent');

    const owner = await stage.arriveAgain(ada);
    await owner.join('correct horse');
  });

  it('left empty is refused', async () => {
    const nameless = await stage.arrive('');
    await nameless.press('register-submit');
    assert.match(await nameless.refusal(), /name/i);
    await nameless.isIn('absent');
  });
});
