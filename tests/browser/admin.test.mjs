import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Guest } from './guest.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

const TOKEN = 'the-admin-of-the-stories';
const server = { flags: ['--admin-token', TOKEN] };

async function adminPage(stage) {
  const page = await stage.browser.newPage();
  await page.goto(new URL('admin', stage.keel.url).href);
  return page;
}

async function present(page, token) {
  await page.type('#door-token', token);
  await page.click('#door button');
}

const texts = (page, selector) =>
  page.$$eval(selector, (elements) => elements.map((element) => element.textContent));

tell('The page of the administrator', { server }, (stage) => {
  it('opens with the token only', async () => {
    const page = await adminPage(stage);
    await present(page, 'something else');
    await until('the refusal', () => texts(page, '#door-error'), ([text]) => /not the admin token/.test(text));
    assert.deepEqual(await texts(page, '.pipeline'), []);
    await present(page, TOKEN);
    await until('an empty server', () => texts(page, '#summary'), ([text]) => text === '0 rooms, 0 pipelines, 0 elements');
    await page.click('#sign-out');
    await until('the door', () => page.$eval('#door', (door) => !door.hidden));
    await page.close();
  });

  it('draws a call while it lasts, with its rates', async () => {
    const page = await adminPage(stage);
    await present(page, TOKEN);
    const [ada, ben] = [await stage.seat('Ada'), await stage.seat('Ben')];
    await stage.callBetween(ada, ben);
    await Promise.all([ada.seesAndHears(), ben.seesAndHears()]);

    const flowing = (rates) => rates.length === 2 && rates.every((rate) => /audio .*bit\/s · video .*bit\/s/.test(rate));
    await until('both ways, with rates', () => texts(page, '[data-flowing="true"] .rate'), flowing);
    const names = await texts(page, '[data-state="up"] .name');
    assert.deepEqual(names.map((name) => name.replace(/^call:\d+ /, '')), ['Caller', 'Callee']);
    const words = await page.$eval('.drawing svg', (drawing) => drawing.getAttribute('aria-label'));
    assert.match(words, /Caller sends audio .*, video .* to call:\d+ Callee\./);

    await ada.press('hang-up');
    await until('the end of the drawing', () => texts(page, '.pipeline'), (pipelines) => pipelines.length === 0);
    await page.close();
  });
});

tell('The rooms on the page of the administrator', { server, person: Guest, seating: { room: '<b>tide</b>' } }, (stage) => {
  it('are listed with who is in them and what they publish', async () => {
    const page = await adminPage(stage);
    await present(page, TOKEN);
    await until('no rooms', () => page.$eval('#no-rooms', ({ hidden }) => !hidden));
    const [ada, ben] = [await stage.seat('Ada'), await stage.seat('Ben')];
    const isComplete = ([words]) => /^moderator, microphone, camera$/.test(words);
    await until('who is there', () => texts(page, '.room li .detail'), (seen) => seen.length === 2 && isComplete(seen));
    assert.deepEqual(await texts(page, '.room h3'), ['<b>tide</b>'], 'a name is a text');
    assert.deepEqual(await texts(page, '.room li .name'), [ada.name, ben.name]);
    assert.match((await texts(page, '.room > .detail'))[0], /^2 of 50 · pipeline \d+$/);
    await ben.press('toggle-microphone');
    await until('the muted one', () => texts(page, '.room li .detail'), ([, words]) => words === 'microphone (muted), camera');
    await ada.press('leave');
    await until('one without a moderator', () => texts(page, '.room > .detail'), ([words]) => /^1 of 50 · no moderator/.test(words));
    await page.close();
  });
});
