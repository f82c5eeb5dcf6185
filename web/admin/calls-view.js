/** Calls: those of this moment, which can be ended, and the history. */

import { byId } from '../dom.js';
import { count, duration } from '../quantity.js';
import { html, table } from './html.js';
import { morph } from './morph.js';
import { orderButton } from './order.js';

/** What the history is asked for by. */
const HISTORY = 'calls?limit=20';

/**
 * @param {{calls: object[], next?: string}} page of `GET /api/calls/active`
 * @param {{reports: Map<string, object>, pages: Record<string, object>}} context
 * @returns {string} how many there are
 */
export function showCalls({ calls, next }, { reports, pages }) {
  morph(byId('calls'), calls.map((call) => drawCall(call, pipelineOf(call, pages.pipelines))));
  byId('no-calls').hidden = calls.length > 0;
  byId('more-calls').hidden = next === undefined;
  morph(byId('history'), [drawHistory(reports.get(HISTORY)?.calls)]);
  return `${count(calls.length, 'call')}${next === undefined ? '' : ' and more'}`;
}

function drawCall({ call, from, to, state, started, answered }, pipeline) {
  const since = duration(Math.max(0, Date.now() - (answered ?? started)));
  const end = orderButton('End', {
    method: 'DELETE',
    path: `calls/active/${call}`,
    title: 'End this call?',
    text: `${from} and ${to} are told that an administrator ended it.`,
    yes: 'End it',
    name: `End the call from ${from} to ${to}`,
  });
  const words = html('p', { class: 'detail' }, `${STATES[state] ?? state} · for ${since}`);
  if (pipeline !== undefined) words.append(' · ', html('a', { href: `#pipeline-${pipeline}` }, `pipeline ${pipeline}`));
  return html('li', { class: 'card call', 'data-key': `call ${call}` },
    html('div', { class: 'head' }, html('h3', {}, `${from} → ${to}`), end),
    words,
  );
}

const STATES = { ringing: 'rings', connecting: 'is being connected', talking: 'under way' };

/** Labels of endpoints begin with their call: `call:17 Caller`. */
function pipelineOf({ call }, { pipelines }) {
  const isOf = ({ label }) => label.startsWith(`call:${call} `);
  return pipelines.find(({ elements }) => elements.some(isOf))?.id;
}

function drawHistory(calls) {
  const rows = (calls ?? []).map(({ from, to, started, answered, ended, outcome }) => [
    new Date(started).toLocaleString(),
    from,
    to,
    outcome.replace('_', ' '),
    answered === null ? '–' : duration(Math.max(0, ended - answered)),
  ]);
  return html('details', { 'data-ask': HISTORY, 'data-key': 'history' },
    html('summary', {}, 'The last calls'),
    rows.length > 0
      ? table('The last calls', ['When', 'From', 'To', 'How it ended', 'Talked for'], rows)
      : html('p', { class: 'note' }, calls ? 'Nobody has called yet.' : 'Asking…'),
  );
}
