import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OneToMany } from './apps/one-to-many.mjs';
import { tell } from './theatre.mjs';

tell('A presentation', (theatre) => {
  it('is seen and heard by three viewers; one leaves, the others go on; it ends with its presenter', async () => {
    await theatre.runs(OneToMany);
    const presenter = await theatre.visitor('one-to-many', 'Ada');
    await presenter.press('present');
    await presenter.isIn('presenting');
    const viewers = [];
    for (const name of ['Ben', 'Cay', 'Dan']) {
      const viewer = await theatre.visitor('one-to-many', name);
      await viewer.press('view');
      await viewer.isIn('viewing');
      viewers.push(viewer);
    }
    await Promise.all(viewers.map((viewer) => viewer.seesAndHears()));
    assert.equal((await theatre.keel.gauges()).keel_endpoints, 4);

    const [leaving, ...staying] = viewers;
    await leaving.press('stop');
    await leaving.isIn('ready');
    await Promise.all(staying.map((viewer) => viewer.seesAndHears()));
    assert.equal((await theatre.keel.gauges()).keel_endpoints, 3);
    await leaving.press('view');
    await leaving.isIn('viewing');
    await leaving.seesAndHears();

    await presenter.press('stop');
    await Promise.all(viewers.map((viewer) => viewer.isIn('ready')));
    await theatre.keel.holdsNothing();
  });

  it('needs a presenter', async () => {
    await theatre.runs(OneToMany);
    const viewer = await theatre.visitor('one-to-many', 'Ben');
    await viewer.press('view');
    await viewer.isIn('rejected');
  });
});
