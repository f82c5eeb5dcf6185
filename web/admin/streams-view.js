/** The list of livestreams: who watches, what arrives, and the end of one. */

import { byId } from '../dom.js';
import { count, duration } from '../quantity.js';
import { drawConnections } from './connections-view.js';
import { html } from './html.js';
import { morph } from './morph.js';
import { orderButton } from './order.js';

/**
 * @param {{streams: object[], next?: string}} page of `GET /api/streams`
 * @param {{rates: import('./rates.js').Rates, reports: Map<string, object>}} context
 * @returns {string} how many there are
 */
export function showStreams({ streams, next }, { rates, reports }) {
  const shown = streams.slice(0, SHOWN_MAX);
  morph(byId('streams'), shown.map((stream) => drawStream(stream, reports.get(pathOf(stream)), rates)));
  byId('no-streams').hidden = streams.length > 0;
  const isMore = next !== undefined || streams.length > SHOWN_MAX;
  byId('more-streams').hidden = !isMore;
  return `${count(shown.length, 'stream')}${isMore ? ' and more' : ''}`;
}

/** As many as of rooms and pipelines. */
const SHOWN_MAX = 50;

function drawStream(stream, report, rates) {
  const { name, state, viewers } = stream;
  const path = pathOf(stream);
  const end = orderButton('End', {
    method: 'DELETE',
    path,
    title: `End the stream ${name}?`,
    text: `It is over for its presenter and ${count(viewers, 'viewer')}.`,
    yes: 'End it',
    name: `End the stream ${name}`,
  });
  return html('li', { class: 'card stream', 'data-key': path, 'data-state': state },
    html('div', { class: 'head' }, html('h3', {}, html('a', { href: `watch/${name}` }, name)), end),
    html('p', { class: 'detail' }, streamWords(stream, Date.now())),
    drawConnections(path, report && (report.media ?? { elements: [] }), rates, nameOf),
  );
}

/**
 * @param {{state: string, since?: number, viewers: number}} stream
 * @param {number} now milliseconds since 1970
 * @returns {string} where it stands and who watches
 */
export function streamWords({ state, since, viewers }, now) {
  const words = [STATES[state] ?? state, count(viewers, 'viewer')];
  if (since !== undefined) words.splice(1, 0, `for ${duration(Math.max(0, now - since))}`);
  return words.join(' · ');
}

const STATES = { waiting: 'waits for its presenter', live: 'live', interrupted: 'its presenter is away' };

/** Labels are roles and numbers: `presenter s3`. */
function nameOf(label) {
  return label.replace(/^\w/, (letter) => letter.toUpperCase());
}

function pathOf({ name }) {
  return `streams/${encodeURIComponent(name)}`;
}
