/** Pipelines, drawn: boxes for elements, arrows for what is connected, with what flows along them. */

import { byId } from '../dom.js';
import { bitrate, count } from '../quantity.js';
import { html } from './html.js';
import { NODE, layOut } from './layout.js';
import { morph } from './morph.js';
import { lossShare } from './rates.js';
import { svg } from './svg.js';

/** Letters of a label that fit into a box. */
const LABEL_MAX = 28;

/** An endpoint that loses more than this share of its packets is marked. */
const LOSS_MARKED = 0.02;

/** Elements of one drawing; a livestream may have thousands. */
const ELEMENTS_MAX = 40;

/**
 * @param {{pipelines: object[], next?: string}} page of `GET /api/pipelines`
 * @param {{rates: import('./rates.js').Rates}} context
 * @returns {string} how many there are
 */
export function showPipelines({ pipelines, next }, { rates }) {
  morph(byId('pipelines'), pipelines.map((pipeline) => drawPipeline(pipeline, rates)));
  byId('empty').hidden = pipelines.length > 0;
  byId('more').hidden = next === undefined;
  return `${count(pipelines.length, 'pipeline')}${next === undefined ? '' : ' and more'}`;
}

function drawPipeline(whole, rates) {
  const elements = whole.elements.slice(0, ELEMENTS_MAX);
  const ids = new Set(elements.map(({ id }) => id));
  const connections = whole.connections.filter(({ source, sink }) => ids.has(source) && ids.has(sink));
  const pipeline = { ...whole, elements, connections };
  const { places, width, height } = layOut(elements, connections);
  const arrows = arrowsOf(pipeline, rates);
  const drawing = svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': describe(pipeline, arrows) },
    ...arrows.map((arrow) => drawArrow(arrow, places)),
    ...elements.map((element) => drawElement(pipeline.id, element, places.get(element.id), rates)),
  );
  const more = whole.elements.length - elements.length;
  return html('section', { class: 'card pipeline', id: `pipeline-${pipeline.id}`, 'data-key': `pipeline ${pipeline.id}` },
    html('h3', {}, `Pipeline ${pipeline.id}`, html('span', { class: 'note' }, ` on worker ${pipeline.worker}`)),
    // So that it scrolls by keyboard.
    html('div', { class: 'drawing', tabindex: 0 }, drawing),
    more > 0 ? html('p', { class: 'note' }, `${count(more, 'further element')}, not drawn`) : null,
  );
}

/** Audio, video and data between the same two elements are one arrow. */
function arrowsOf({ id, connections }, rates) {
  const arrows = new Map();
  for (const { source, sink, media, flowing, bytes } of connections) {
    const key = `${source}>${sink}`;
    if (!arrows.has(key)) arrows.set(key, { source, sink, flowing: false, parts: [] });
    const arrow = arrows.get(key);
    arrow.flowing ||= flowing;
    // Data has no counters of its own on the arrow.
    const rate = media === 'data' ? undefined : rates.of(`${id}/${key}/${media}`, bytes);
    arrow.parts.push(flowing && rate !== undefined ? `${media} ${bitrate(rate * 8)}` : media);
  }
  return [...arrows.values()];
}

function drawElement(pipeline, { id, kind, label, worker, endpoint }, { x, y }, rates) {
  const lines = endpoint ? endpointLines(pipeline, id, endpoint, rates) : { text: 'passes on', lossy: false };
  const connected = endpoint?.ice === 'connected' && endpoint?.dtls === 'connected';
  const state = endpoint ? (connected ? 'up' : 'down') : 'plain';
  const name = label || (KINDS[kind] ?? kind);
  return svg(
    'g',
    { class: 'element', 'data-key': `element ${id}`, 'data-state': lines.lossy ? 'lossy' : state },
    svg('title', {}, `${name} (element ${id}, worker ${worker})\n${lines.details ?? lines.text}`),
    svg('rect', { x, y, width: NODE.width, height: NODE.height, rx: 12 }),
    svg('circle', { cx: x + 18, cy: y + 24, r: 5 }),
    svg('text', { x: x + 32, y: y + 28, class: 'name' }, shortened(name)),
    svg('text', { x: x + 18, y: y + 49, class: 'detail' }, lines.text),
  );
}

/** What elements without a label of their own are called. */
const KINDS = { pass_through: 'pass-through', bridge: 'bridge to another pipeline' };

function endpointLines(pipeline, id, endpoint, rates) {
  const side = (streams, key) => {
    let bits;
    let lost;
    let packets;
    for (const stream of streams) {
      const name = `${pipeline}/${id}/${key}/${stream.ssrc}`;
      bits = sum(bits, times(rates.of(`${name}/bytes`, stream.bytes), 8));
      packets = sum(packets, rates.of(`${name}/packets`, stream.packets));
      lost = sum(lost, growth(rates.of(`${name}/lost`, stream.packets_lost)));
    }
    return { bits, loss: lossShare(lost, packets) };
  };
  const incoming = side(endpoint.incoming, 'in');
  const outgoing = side(endpoint.outgoing, 'out');
  const loss = Math.max(incoming.loss ?? 0, outgoing.loss ?? 0);
  const connected = endpoint.ice === 'connected' && endpoint.dtls === 'connected';
  const parts = connected
    ? [rateOf('from', incoming), rateOf('to', outgoing), `loss ${(loss * 100).toFixed(1)} %`].filter(Boolean)
    : [`ICE ${endpoint.ice}, DTLS ${endpoint.dtls}`];
  const details = [
    `ICE ${endpoint.ice}, DTLS ${endpoint.dtls}${endpoint.srtp_profile ? `, ${endpoint.srtp_profile}` : ''}`,
    endpoint.remote ? `${endpoint.local} - ${endpoint.remote}` : '',
    endpoint.estimate === null ? '' : `the way to the peer carries ${bitrate(endpoint.estimate)}`,
    ...endpoint.incoming.map((stream) => `receives ${streamText(stream)}`),
    ...endpoint.outgoing.map((stream) => `sends ${streamText(stream)}`),
  ];
  return { text: parts.join('  '), lossy: loss > LOSS_MARKED, details: details.filter(Boolean).join('\n') };
}

function streamText(stream) {
  const { kind, ssrc, rid, layer, packets, packets_lost: lost, jitter_ms: jitter, round_trip_ms: roundTrip, nacked } = stream;
  const part = rid ?? (layer ? `layer ${layer.spatial}.${layer.temporal}` : undefined);
  return [
    `${kind} ${ssrc}${part ? ` (${part})` : ''}: ${bitrate(stream.bitrate ?? 0)}`,
    `${packets} packets, ${lost} lost`,
    `jitter ${jitter.toFixed(1)} ms`,
    roundTrip === null ? '' : `round trip ${roundTrip.toFixed(0)} ms`,
    `${nacked} NACKs`,
    stream.freezes > 0 ? `${stream.freezes} freezes, ${(stream.frozen_ms / 1000).toFixed(1)} s` : '',
  ].filter(Boolean).join(', ');
}

function rateOf(word, { bits }) {
  return bits === undefined ? '' : `${word === 'from' ? '↑' : '↓'} ${bitrate(bits)}`;
}

function drawArrow({ source, sink, flowing, parts }, places) {
  const from = places.get(source);
  const to = places.get(sink);
  const { path, label } = source === sink ? loopOf(from) : curveOf(from, to);
  const text = svg('text', { x: label.x, y: label.y, class: 'rate', 'text-anchor': 'middle' }, parts.join(' · '));
  return svg(
    'g',
    { class: 'arrow', 'data-key': `${source}>${sink}`, 'data-flowing': flowing },
    svg('path', { d: path, fill: 'none' }),
    svg('path', { d: tipOf(label.tip), class: 'tip' }),
    text,
  );
}

/** Forwards from the right edge to the left one a little above the middle, backwards below, so that both are seen. */
function curveOf(from, to) {
  const forwards = to.x > from.x;
  const level = NODE.height * (forwards ? 0.35 : 0.65);
  const start = { x: forwards ? from.x + NODE.width : from.x, y: from.y + level };
  const end = { x: forwards ? to.x : to.x + NODE.width, y: to.y + level };
  const bend = from.x === to.x ? -90 : (end.x - start.x) / 2;
  if (from.x === to.x) end.x = to.x;
  const middle = { x: (start.x + end.x) / 2 + (from.x === to.x ? -50 : 0), y: (start.y + end.y) / 2 };
  const path = `M${start.x} ${start.y} C${start.x + bend} ${start.y} ${end.x - (from.x === to.x ? -bend : bend)} ${end.y} ${end.x} ${end.y}`;
  const label = { x: middle.x, y: middle.y + (forwards ? -6 : 14), tip: { ...end, left: from.x > to.x } };
  return { path, label };
}

/** From an element to itself. */
function loopOf({ x, y }) {
  const right = x + NODE.width;
  const low = y + NODE.height * 0.75;
  const high = y + NODE.height * 0.25;
  const path = `M${right} ${low} C${right + 70} ${low + 20} ${right + 70} ${high - 20} ${right} ${high}`;
  return { path, label: { x: right + 110, y: y + NODE.height / 2 + 4, tip: { x: right, y: high, left: true } } };
}

function tipOf({ x, y, left }) {
  const back = left ? 8 : -8;
  return `M${x} ${y} l${back} -4 v8 z`;
}

function shortened(text) {
  const name = text.length > LABEL_MAX ? text.slice(text.lastIndexOf('/') + 1) : text;
  return name.length > LABEL_MAX ? `${name.slice(0, 8)}…${name.slice(-(LABEL_MAX - 9))}` : name;
}

/** The drawing in words. */
function describe({ elements }, arrows) {
  const names = new Map(elements.map(({ id, label }) => [id, label || `element ${id}`]));
  const sentences = arrows.map(
    ({ source, sink, parts }) => `${names.get(source)} sends ${parts.join(', ')} to ${names.get(sink)}.`,
  );
  return sentences.join(' ') || `${elements.length} elements, none connected.`;
}

function sum(total, part) {
  return part === undefined ? total : (total ?? 0) + part;
}

function times(value, factor) {
  return value === undefined ? undefined : value * factor;
}

/** A repaired loss counts back; it is no loss. */
function growth(rate) {
  return rate === undefined ? undefined : Math.max(rate, 0);
}
