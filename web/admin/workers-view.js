/** What each media thread carries. */

import { byId } from '../dom.js';
import { bitrate, count } from '../quantity.js';
import { table } from './html.js';
import { morph } from './morph.js';

/**
 * @param {{workers: object[]}} page of `GET /api/workers`
 * @param {{rates: import('./rates.js').Rates}} context
 * @returns {string} how many there are
 */
export function showWorkers({ workers }, { rates }) {
  const rows = workers.map((worker) => rowOf(worker, rates));
  morph(byId('workers'), [table('Workers', ['Worker', 'Pipelines', 'Peers', 'Received', 'Sent', 'Packets sent', 'From other workers', 'Dropped'], rows)]);
  return count(workers.length, 'worker');
}

function rowOf(worker, rates) {
  const rate = (counter) => rates.of(`worker ${worker.worker}/${counter}`, worker[counter]);
  const bits = (counter) => {
    const bytes = rate(counter);
    return bytes === undefined ? '–' : bitrate(8 * bytes);
  };
  const packets = rate('packets_out');
  return [
    String(worker.worker),
    String(worker.pipelines),
    String(worker.sessions),
    bits('bytes_in'),
    bits('bytes_out'),
    packets === undefined ? '–' : `${Math.round(packets)} /s`,
    count(worker.relays, 'track'),
    String(worker.dropped),
  ];
}
