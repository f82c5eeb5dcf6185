import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PHONE, allAreNamed, fits } from './reach.mjs';
import { tell } from './stage.mjs';

tell('The page', {}, (stage) => {
  it('may run no code but its own files', async () => {
    const ada = await stage.arrive('Ada');
    const response = await ada.page.reload();
    const policy = response.headers()['content-security-policy'];
    assert.match(policy, /default-src '(none|self)'/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    // The policy at work, not only its words.
    const refused = await ada.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = true';
      return new Promise((resolve) => {
        document.addEventListener('securitypolicyviolation', () => resolve(window.injected === undefined), { once: true });
        document.head.append(script);
        if (window.injected) resolve(false);
      });
    });
    assert.ok(refused, 'an inline script ran');
    ada.forgetProblems();
  });

  it('shows a name that looks like markup as text', async () => {
    const eve = await stage.seat('<img src=x><b>Eve</b>');
    const ada = await stage.seat('Ada');
    await ada.lists(eve.name);
    const row = await ada.page.$eval('#online', (list) => ({ text: list.textContent, tags: list.querySelectorAll('img, b').length }));
    assert.ok(row.text.includes(eve.name));
    assert.equal(row.tags, 0);
    await eve.callFromList(ada.name);
    assert.equal(await ada.rings(), eve.name);
  });

  it('fits a phone, also with the longest names', async () => {
    const ada = await stage.arrive('Ada'.padEnd(60, 'm'));
    const ben = await stage.arrive('Ben'.padEnd(60, 'm'));
    for (const seat of [ada, ben]) {
      await seat.page.setViewport(PHONE);
      await fits(seat);
      await seat.join();
      await fits(seat);
    }
    await ada.callFromList(ben.name);
    await ben.rings();
    await fits(ben);
    await ben.press('incoming-accept');
    await ben.sees();
    await ben.press('toggle-panel');
    await fits(ben);
  });

  it('has a name for everything that can be pressed or filled in', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await allAreNamed(ada);
    await ada.callFromList(ben.name);
    await ben.rings();
    await allAreNamed(ben);
    await ben.press('incoming-accept');
    await ben.isIn('talking');
    await allAreNamed(ben);
  });
});
