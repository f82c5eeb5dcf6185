/** The TURN server's line and table: whom it relays for. */

import { byId, setText } from '../dom.js';
import { count } from '../quantity.js';

/** @param {object} turn as of `GET /api/turn` @returns {string} how many clients there are */
export function showRelay(turn) {
  setText(byId('relay-words'), relayWords(turn));
  byId('relay').hidden = turn.clients.length === 0;
  byId('relay-clients').replaceChildren(...turn.clients.map(drawClient));
  return count(turn.allocations, 'relayed client');
}

/** One line about it. */
function relayWords({ enabled, urls, allocations, dropped, refused }) {
  if (!enabled) return 'The TURN server is off.';
  const words = [count(allocations, 'relayed client')];
  const drops = sumOf(dropped);
  // Every client is refused once, to be told what it must prove (401).
  const refusals = sumOf(Object.fromEntries(Object.entries(refused).filter(([code]) => code !== '401')));
  if (refusals > 0) words.push(`${refusals} refused`);
  if (drops > 0) words.push(`${drops} dropped`);
  if (urls.length > 0) words.push(urls[0].replace(/^turns?:|\?.*$/g, ''));
  return words.join(' · ');
}

/** A row of the table. */
function drawClient({ address, transport, relayed, to_peers: sent, to_clients: received }) {
  const row = document.createElement('tr');
  const cells = [address, transport.toUpperCase(), relayed.join(', '), bytes(sent.bytes), bytes(received.bytes)];
  row.append(...cells.map(cellOf));
  return row;
}

/** In a unit that people read. */
function bytes(number) {
  if (number < 1e6) return `${Math.round(number / 1000)} kB`;
  return number < 1e9 ? `${(number / 1e6).toFixed(1)} MB` : `${(number / 1e9).toFixed(1)} GB`;
}

function sumOf(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function cellOf(text) {
  const cell = document.createElement('td');
  cell.textContent = text;
  return cell;
}
