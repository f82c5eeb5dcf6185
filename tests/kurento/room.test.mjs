import { after, afterEach, before, describe, it } from 'node:test';
import { Guest } from '../browser/guest.mjs';
import { launchChromium } from '../shared/browser.mjs';
import { Keel } from '../shared/keel.mjs';
import { AppServer } from './apps/app-server.mjs';
import { Visitor } from './visitor.mjs';

const ROOM = 'the only one'; // the one that the page of the group call knows

/** The pages of an application, and nothing behind them: Keel itself answers their messages. */
class PagesOnly {
  static messages = [];
  left() {}
}

for (const workers of [1, 2]) {
  describe(`Kurento's group call at /groupcall, with ${workers === 1 ? 'one worker' : 'everybody on two workers'}`, () => {
    let keel;
    let browser;
    let pages;
    const people = [];

    before(async () => {
      keel = await Keel.start({ workers, placement: workers === 1 ? 'together' : 'spread' });
      browser = await launchChromium();
      pages = await AppServer.start(new PagesOnly());
    });
    afterEach(async () => {
      await Promise.all(people.splice(0).map((person) => person.leave()));
      await keel.holdsNothing();
    });
    after(async () => {
      await pages?.stop();
      await browser?.close();
      await keel?.stop();
    });

    it('lets pages on unmodified kurento-utils see and hear each other, without an application', async () => {
      const everybody = [];
      for (const name of ['Ada', 'Ben', 'Cay']) everybody.push(await joins(name));
      const meet = (visitors) => Promise.all(visitors.flatMap((seeing) =>
        visitors.filter((seen) => seen !== seeing).map((seen) => seeing.seesAndHears(`video-${seen.name}`))));
      await meet(everybody);
      const [leaving, ...staying] = everybody;
      await leaving.press('leave');
      for (const visitor of staying) await visitor.seesNoMore(`video-${leaving.name}`);
      await meet(staying);
    });

    it("shares a room with Keel's own page: each sees and hears the other", async () => {
      const ada = await joins('Ada');
      const ben = await Guest.open(browser, keel.url, 'Ben', { room: ROOM });
      people.push(ben);
      await ben.join();
      await Promise.all([ben.seesAndHearsAll(ada), ada.seesAndHears('video-Ben')]);
      await ada.press('leave');
      await ben.isWith();
    });

    async function joins(name) {
      const address = new URL('group-call.html', pages.url);
      address.searchParams.set('server', new URL('groupcall', keel.url.replace(/^http/, 'ws')).href);
      const visitor = await Visitor.open(browser, address.href, name);
      people.push(visitor);
      await visitor.write('name', name);
      await visitor.press('join');
      await visitor.isIn('joined');
      return visitor;
    }
  });
}
