import { it } from 'node:test';
import { tell } from './stage.mjs';

tell('A call ends', {}, (stage) => {
  it('when the caller hangs up', async () => {
    const { ada, ben } = await talking(stage);
    await ada.press('hang-up');
    await ben.notice(/./);
    await bothAreFree(stage, ada, ben);
  });

  it('when the callee hangs up', async () => {
    const { ada, ben } = await talking(stage);
    await ben.press('hang-up');
    await ada.notice(/./);
    await bothAreFree(stage, ada, ben);
  });

  it('when a tab is closed', async () => {
    const { ada, ben } = await talking(stage);
    await ada.closeTab();
    await ben.notice(/./);
    await ben.isIn('ready');
    await stage.keel.holdsNothing();
  });

  it('when the caller gives up before anybody answered', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    await ben.rings();
    await ada.press('hang-up');
    await bothAreFree(stage, ada, ben);
  });

  it('when the caller closes the tab before anybody answered', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await ada.callFromList(ben.name);
    await ben.rings();
    await ada.closeTab();
    await ben.isIn('ready');
    await stage.keel.holdsNothing();
  });
});

async function talking(stage) {
  const ada = await stage.seat('Ada');
  const ben = await stage.seat('Ben');
  await stage.callBetween(ada, ben);
  await Promise.all([ada.sees(), ben.sees()]);
  return { ada, ben };
}

async function bothAreFree(stage, ada, ben) {
  await Promise.all([ada.isIn('ready'), ben.isIn('ready')]);
  await stage.keel.holdsNothing();
}
