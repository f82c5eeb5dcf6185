import { byId, setText } from '../dom.js';
import { fetchStatus } from '../live/request.js';
import { bitrate, count, percent } from '../quantity.js';
import { Sparkline } from '../sparkline.js';
import { Statistics } from '../statistics.js';
import { healthOf } from './health.js';

/** The connection is measured as often as anybody can read it. */
const MEASURED_MS = 1000;
/** The server is asked every so many measurements. */
const ASKED_EVERY = 2;

/**
 * How the stream does: by this browser's own figures, and by what the server says of what arrives.
 *
 * @param {import('./show.js').Show} show
 */
export function mountFiguresView(show) {
  let measured = null;
  let timer = null;

  show.addEventListener('change', () => {
    if (show.publication === measured) return;
    measured = show.publication;
    clearInterval(timer);
    if (!measured) return;
    const meters = { statistics: new Statistics(), line: new Sparkline(), rounds: 0 };
    timer = setInterval(() => measure(measured, meters), MEASURED_MS);
  });

  async function measure(publication, meters) {
    if (show.phase !== 'live') return;
    if (meters.rounds % ASKED_EVERY === 0) ask(publication);
    meters.rounds += 1;
    const reading = meters.statistics.read(await publication.connection.getStats());
    if (publication !== measured || show.phase !== 'live') return;
    meters.line.push(reading.sent.bitrate ?? 0);
    renderReading(reading, meters.line);
  }

  async function ask(publication) {
    publication.look(); // whoever runs the server may have ended it
    // Where the server cannot be reached the figures stay; the connection tells the rest.
    const status = await fetchStatus(show.name, show.token).catch(() => null);
    if (status && publication === measured) renderStatus(status);
  }
}

function renderReading(reading, line) {
  const { sent, roundTripMs } = reading;
  const { level, words } = healthOf(reading);
  byId('health').dataset.level = level;
  setText(byId('health-word'), LEVELS[level]);
  setText(byId('health-words'), words);
  setText(byId('figure-bitrate'), bitrate(sent.bitrate) || '–');
  setText(byId('figure-picture'), sent.width === null ? '–' : `${sent.width} × ${sent.height}, ${Math.round(sent.framesPerSecond ?? 0)} fps`);
  setText(byId('figure-loss'), sent.loss === null ? '–' : percent(sent.loss));
  setText(byId('figure-round-trip'), roundTripMs === null ? '–' : `${Math.max(1, Math.round(roundTripMs))} ms`);
  const { width, height } = byId('sparkline').viewBox.baseVal;
  byId('spark').setAttribute('points', line.points(width, height, line.peak));
}

function renderStatus({ viewers, tracks }) {
  byId('on-air').dataset.viewers = String(viewers);
  setText(byId('figure-viewers'), String(viewers));
  setText(byId('air-viewers'), count(viewers, 'viewer'));
  const pictures = tracks.filter(({ kind, bitrate: rate }) => kind === 'video' && rate > 0).length;
  const total = tracks.reduce((sum, track) => sum + (track.bitrate ?? 0), 0);
  setText(byId('figure-arrives'), pictures > 1 ? `${bitrate(total)} in ${pictures} sizes` : bitrate(total));
}

const LEVELS = { good: 'Good.', fair: 'Fair.', poor: 'Poor.' };
