import { byId, setText } from '../dom.js';
import { bitrate as bitrateInWords, percent } from '../quantity.js';
import { Sparkline } from '../sparkline.js';
import { Statistics } from '../statistics.js';

const PERIOD_MS = 1_000;
/** Where the panel leaves the picture free it is open from the start. */
const ROOMY = '(min-width: 900px)';

/**
 * The live panel: resolution, frame rate, bitrate, loss, round trip, and the last minute of bitrate.
 *
 * @param {import('./phone.js').Phone} phone
 */
export function mountPanelView(phone) {
  const toggle = byId('toggle-panel');
  const panel = byId('panel');
  /** The connection that is measured: only while media can flow is there anything to read. */
  let measured = null;
  let timer = null;

  toggle.addEventListener('click', () => open(panel.hidden));
  phone.addEventListener('change', () => {
    const connection = phone.connectedAt === null ? null : phone.connection;
    if (connection === measured) return;
    measured = connection;
    clearInterval(timer);
    toggle.disabled = !connection;
    open(connection !== null && window.matchMedia(ROOMY).matches);
    if (connection) measure(connection);
  });

  function open(visible) {
    panel.hidden = !visible;
    toggle.setAttribute('aria-expanded', String(visible));
  }

  function measure(connection) {
    const meters = { statistics: new Statistics(), received: new Sparkline(), sent: new Sparkline() };
    timer = setInterval(() => sample(connection, meters), PERIOD_MS);
    sample(connection, meters);
  }

  async function sample(connection, { statistics, received, sent }) {
    const reading = statistics.read(await connection.statistics());
    if (connection !== measured) return; // the call ended while the browser was counting
    received.push(reading.received.bitrate ?? 0);
    sent.push(reading.sent.bitrate ?? 0);
    renderDirection('in', reading.received);
    renderDirection('out', reading.sent);
    setText(byId('round-trip'), known(reading.roundTripMs, (ms) => (ms < 1 ? '< 1 ms' : `${Math.round(ms)} ms`)));
    renderSparkline(received, sent);
  }
}

function renderDirection(prefix, { width, height, framesPerSecond, bitrate, loss }) {
  setText(byId(`${prefix}-resolution`), width === null ? '–' : `${width} × ${height}`);
  setText(byId(`${prefix}-frames`), known(framesPerSecond, (rate) => `${Math.round(rate)} fps`));
  setText(byId(`${prefix}-bitrate`), known(bitrate, bitrateInWords));
  setText(byId(`${prefix}-loss`), known(loss, percent));
}

function renderSparkline(received, sent) {
  const { width, height } = byId('sparkline').viewBox.baseVal;
  const top = Math.max(received.peak, sent.peak);
  byId('spark-in').setAttribute('points', received.points(width, height, top));
  byId('spark-out').setAttribute('points', sent.points(width, height, top));
  setText(byId('sparkline-scale'), `peak ${bitrateInWords(top)}`);
}

function known(value, text) {
  return value === null ? '–' : text(value);
}
