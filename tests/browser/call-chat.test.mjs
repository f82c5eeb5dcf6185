import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tell } from './stage.mjs';
import { until } from '../shared/waiting.mjs';

tell('The two of a call', { seating: { video: 'off' } }, (stage) => {
  it('write to each other, and find it again in their next call', async () => {
    const ada = await stage.seat('Ada');
    const ben = await stage.seat('Ben');
    await stage.callBetween(ada, ben);
    await write(ada, '<b>Hello</b>, Ben');
    await until('one unread', () => ben.text('chat-unread'), (text) => text === '1');
    await opensChat(ben);
    await reads(ben, ['<b>Hello</b>, Ben']);
    assert.equal(await ben.page.$eval('#messages', (list) => list.querySelectorAll('b').length), 0);
    await ben.page.type('#chat-text', 'Hello');
    await until('who types', () => ada.text('chat-typing'), (text) => text.includes(`${ben.name} is typing`));
    await ben.page.keyboard.press('Enter');
    await reads(ada, ['<b>Hello</b>, Ben', 'Hello']);

    await ben.press('hang-up');
    await Promise.all([ada.isIn('ready'), ben.isIn('ready')]);
    await stage.callBetween(ben, ada);
    await opensChat(ada);
    await reads(ada, ['<b>Hello</b>, Ben', 'Hello']);
  });
});

/** Opens the panel, once there is a conversation. */
async function opensChat(seat) {
  await until('a conversation', () => seat.page.$eval('#toggle-chat', ({ disabled }) => !disabled));
  await seat.press('toggle-chat');
}

async function write(seat, text) {
  await opensChat(seat);
  await seat.page.type('#chat-text', text);
  await seat.page.keyboard.press('Enter');
  await reads(seat, [text]);
}

async function reads(seat, texts) {
  const look = () => seat.page.$$eval('.message-text', (messages) => messages.map(({ textContent }) => textContent));
  await until(`${seat.name} to read ${texts}`, look, (seen) => JSON.stringify(seen) === JSON.stringify(texts));
}
