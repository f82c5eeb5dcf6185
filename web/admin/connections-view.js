/** The connections of a room or stream, one after the other, with what flows over each. */

import { bitrate, percent } from '../quantity.js';
import { html, table } from './html.js';
import { lossShare } from './rates.js';

/** Connections that are drawn; a livestream may have thousands. */
const SHOWN_MAX = 40;

/**
 * Closed at first; what is in it is asked for when it is opened.
 *
 * @param {string} path below `/api/`, of the report
 * @param {object | undefined} media a pipeline as `/api/pipelines` gives it; `undefined` while it is not known
 * @param {import('./rates.js').Rates} rates
 * @param {(label: string) => string} nameOf what people call an element
 */
export function drawConnections(path, media, rates, nameOf = (label) => label) {
  const elements = (media?.elements ?? []).filter(({ endpoint }) => endpoint);
  const shown = elements.slice(0, SHOWN_MAX).map((element) => drawConnection(media.id, element, rates, nameOf));
  const more = elements.length - shown.length;
  return html('details', { class: 'connections', 'data-ask': path, 'data-key': 'connections' },
    html('summary', {}, 'Connections'),
    ...shown,
    shown.length === 0 ? html('p', { class: 'note' }, media ? 'Nobody is connected.' : 'Asking…') : null,
    more > 0 ? html('p', { class: 'note' }, `${more} more`) : null,
  );
}

function drawConnection(pipeline, { id, label, worker, endpoint }, rates, nameOf) {
  const { ice, dtls, remote, estimate, incoming, outgoing } = endpoint;
  const isUp = ice === 'connected' && dtls === 'connected';
  const words = [
    isUp ? 'connected' : `ICE ${ice}, DTLS ${dtls}`,
    remote ?? '',
    estimate === null ? '' : `its way carries ${bitrate(estimate)}`,
    `worker ${worker}`,
  ];
  const rows = [
    ...incoming.map((stream) => rowOf('from', stream, `${pipeline}/${id}`, rates)),
    ...outgoing.map((stream) => rowOf('to', stream, `${pipeline}/${id}`, rates)),
  ];
  return html('section', { class: 'connection', 'data-key': `connection ${id}` },
    html('h4', {}, nameOf(label) || `Element ${id}`),
    html('p', { class: 'detail' }, words.filter(Boolean).join(' · ')),
    rows.length > 0 ? table(`Streams of ${nameOf(label)}`, ['Stream', 'Bitrate', 'Loss', 'Round trip', 'Jitter', 'Repaired'], rows) : null,
  );
}

function rowOf(direction, stream, owner, rates) {
  const { kind, ssrc, rid, layer, packets, packets_lost: lost, jitter_ms: jitter, round_trip_ms: roundTrip, retransmitted } = stream;
  const counter = `${owner}/connection/${direction}/${ssrc}`;
  const loss = lossShare(rates.of(`${counter}/lost`, lost), rates.of(`${counter}/packets`, packets));
  const part = layer ? ` layer ${layer.spatial}.${layer.temporal}` : rid ? ` ${rid}` : '';
  return [
    `${direction === 'from' ? '↑' : '↓'} ${kind}${part}`,
    bitrate(stream.bitrate) || 'nothing',
    loss === undefined ? '–' : percent(loss),
    roundTrip === null ? '–' : `${roundTrip.toFixed(0)} ms`,
    `${jitter.toFixed(1)} ms`,
    String(retransmitted),
  ];
}
