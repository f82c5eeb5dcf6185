/** The TURN server's line and table: whom it relays for. */

/** @param {object} turn as of `GET /api/turn` @returns {string} one line about it */
export function relayWords({ enabled, urls, allocations, dropped, refused }) {
  if (!enabled) return 'The TURN server is off.';
  const words = [`${allocations} relayed client${allocations === 1 ? '' : 's'}`];
  const drops = sumOf(dropped);
  // Every client is refused once, to be told what it must prove (401).
  const refusals = sumOf(Object.fromEntries(Object.entries(refused).filter(([code]) => code !== '401')));
  if (refusals > 0) words.push(`${refusals} refused`);
  if (drops > 0) words.push(`${drops} dropped`);
  if (urls.length > 0) words.push(urls[0].replace(/^turns?:|\?.*$/g, ''));
  return words.join(' · ');
}

/** @param {object} client of that answer @returns {HTMLElement} a row of the table */
export function drawClient({ address, transport, relayed, to_peers: sent, to_clients: received }) {
  const row = document.createElement('tr');
  const cells = [address, transport.toUpperCase(), relayed.join(', '), bytes(sent.bytes), bytes(received.bytes)];
  row.append(...cells.map(cellOf));
  return row;
}

/** @param {number} count @returns {string} in a unit that people read */
export function bytes(count) {
  if (count < 1e6) return `${Math.round(count / 1000)} kB`;
  return count < 1e9 ? `${(count / 1e6).toFixed(1)} MB` : `${(count / 1e9).toFixed(1)} GB`;
}

function sumOf(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function cellOf(text) {
  const cell = document.createElement('td');
  cell.textContent = text;
  return cell;
}
