import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Guest } from './guest.mjs';
import { Presenter, Spectator } from './studio.mjs';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

const TOKEN = 'the-admin-of-the-stories';
const server = { flags: ['--admin-token', TOKEN] };

async function adminPage(stage) {
  const page = await stage.browser.newPage();
  await page.goto(new URL('admin', stage.keel.url).href);
  return page;
}

/** Presses a button of this accessible name, and says yes to the question. */
async function orders(page, label) {
  await until(`the button ${label}`, () => page.$(`button[aria-label="${label}"]`));
  await page.click(`button[aria-label="${label}"]`);
  await page.click('#confirm-yes');
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
    await until('an empty server', () => texts(page, '#summary'), ([text]) => /^0 rooms, 0 streams, 0 calls, 0 pipelines, \d workers?, 0 relayed clients$/.test(text));
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

    assert.deepEqual(await texts(page, '.call h3'), [`${ada.name} → ${ben.name}`]);
    await until('how long it lasts', () => texts(page, '.call .detail'), ([words]) => /^under way · for \d:\d\d · pipeline \d+$/.test(words));
    await ada.press('hang-up');
    await until('the end of the drawing', () => texts(page, '.pipeline'), (pipelines) => pipelines.length === 0);
    await page.close();
  });

  it('ends a call, of which both hear, and remembers it', async () => {
    const page = await adminPage(stage);
    await present(page, TOKEN);
    const [ada, ben] = [await stage.seat('Ada'), await stage.seat('Ben')];
    await stage.callBetween(ada, ben);
    await orders(page, `End the call from ${ada.name} to ${ben.name}`);
    for (const seat of [ada, ben]) await seat.notice(/administrator ended the call/);
    await until('no call', () => texts(page, '.call'), (calls) => calls.length === 0);
    await page.click('#history summary');
    const isTold = (rows) => rows.some((row) => row.includes(ada.name) && row.includes('ended'));
    await until('the call in the history', () => texts(page, '#history tbody tr'), isTold);
    await page.close();
  });

  it('says how much each worker carries', async () => {
    const page = await adminPage(stage);
    await present(page, TOKEN);
    const [ada, ben] = [await stage.seat('Ada'), await stage.seat('Ben')];
    await stage.callBetween(ada, ben);
    await ben.sees();
    const sent = (rows) => rows.some((row) => /[kM]bit\/s.*[1-9]\d* \/s/.test(row));
    await until('what workers send', () => texts(page, '#workers tbody tr'), sent);
    await page.close();
  });
});

tell('A livestream on the page of the administrator', { server, person: Spectator, seating: { stream: 'tide' } }, (stage) => {
  it('is looked at closely, and ended for everybody', async () => {
    const page = await adminPage(stage);
    await present(page, TOKEN);
    const ada = await stage.arrive('Ada', { person: Presenter });
    await ada.goesLive();
    const ben = await stage.arrive('Ben');
    await ben.watches();
    await until('who watches', () => texts(page, '.stream > .detail'), ([words]) => /^live · for \d:\d\d · 1 viewer$/.test(words));
    await page.click('.stream summary');
    await until('both connections', () => texts(page, '.stream h4'), (names) => /^Presenter /.test(names[0]) && /^Viewer /.test(names[1]));
    const flows = (rows) => rows.some((row) => /^↑ video.*bit\/s/.test(row)) && rows.some((row) => /^↓ video.*bit\/s/.test(row));
    await until('what flows over them', () => texts(page, '.stream tbody tr'), flows);

    await orders(page, 'End the stream tide');
    await ada.isIn('over');
    await ada.reads('over-text', /whoever runs it has ended it/);
    await ben.isIn('over');
    await until('no stream', () => texts(page, '.stream'), (streams) => streams.length === 0);
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
    await page.click('.room summary');
    await until('the connections of both', () => texts(page, '.room h4'), (names) => [ada, ben].every(({ name }) => names.includes(`${name} publishes`)));
    await orders(page, `Mute the camera of ${ben.name}`);
    await ada.tileOf(ben, 'is-pictured', false);
    await ada.press('leave');
    await until('one without a moderator', () => texts(page, '.room > .detail'), ([words]) => /^1 of 50 · no moderator/.test(words));
    await orders(page, `Remove ${ben.name}`);
    await ben.reads('farewell-title', /removed/);
    await page.close();
  });
});
