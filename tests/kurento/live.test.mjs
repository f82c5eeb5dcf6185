import { after, afterEach, before, describe, it } from 'node:test';
import { Spectator } from '../browser/broadcast.mjs';
import { launchChromium } from '../shared/browser.mjs';
import { Keel } from '../shared/keel.mjs';
import { AppServer } from './apps/app-server.mjs';
import { Visitor } from './visitor.mjs';

/** The pages of an application, and nothing behind them: Keel itself answers their messages. */
class PagesOnly {
  static messages = [];
  left() {}
}

for (const workers of [1, 2]) {
  describe(`Kurento's one-to-many call at /one2many, with ${workers === 1 ? 'one worker' : 'everybody on two workers'}`, () => {
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

    it('lets pages on unmodified kurento-utils present and watch, without an application, beside a viewer by WHEP', async () => {
      const viewer = await comes('Ben');
      await viewer.press('view');
      await viewer.isIn('rejected');
      const presenter = await comes('Ada');
      await presenter.press('present');
      await presenter.isIn('presenting');
      await viewer.press('view');
      await viewer.isIn('viewing');
      const modern = await Spectator.open(browser, keel.url, 'Cay');
      people.push(modern);
      await modern.plays('talk');
      await Promise.all([viewer.seesAndHears(), modern.seesAndHears()]);
      await presenter.press('stop');
      await viewer.isIn('ready');
      await modern.ends();
      await keel.holdsNothing();
    });

    async function comes(name) {
      const address = new URL('one-to-many.html', pages.url);
      address.searchParams.set('server', new URL('one2many?stream=talk', keel.url.replace(/^http/, 'ws')).href);
      const visitor = await Visitor.open(browser, address.href, name);
      people.push(visitor);
      return visitor;
    }
  });
}
