/** The administrator's page: asks the server every two seconds and draws what it says. */

import { Confirmation } from '../confirmation.js';
import { byId, setText } from '../dom.js';
import { showCalls } from './calls-view.js';
import { Door } from './door.js';
import { showPipelines } from './graph-view.js';
import { mountOrders } from './order.js';
import { Rates } from './rates.js';
import { showRelay } from './relay-view.js';
import { showRooms } from './rooms-view.js';
import { ask } from './server.js';
import { showStreams } from './streams-view.js';
import { showWorkers } from './workers-view.js';

const EVERY_MS = 2000;

/** Rooms, and pipelines, that are drawn; a page with more would tell nobody anything. */
const SHOWN_MAX = 50;

/** Opened details that are asked for; each is a question to the media server. */
const OPEN_MAX = 8;

/** By the list that is asked for, who draws it; each returns how many there are, in words. */
const VIEWS = {
  rooms: showRooms,
  streams: showStreams,
  'calls/active': showCalls,
  pipelines: showPipelines,
  workers: showWorkers,
  turn: showRelay,
};

const rates = new Rates();
const door = new Door(refresh);
/** Counts questions: the answer to an earlier one is not shown any more. */
let asked = 0;
let timer;

mountOrders(new Confirmation(), async (method, path) => {
  const answer = await ask(path, door.token, method);
  refresh();
  return answer;
});
// It does not bubble, so it is caught on its way down.
document.addEventListener('toggle', ({ target }) => target.matches('details[data-ask]') && target.open && refresh(), true);
if (door.token) refresh();
else door.close('');

async function refresh() {
  clearTimeout(timer);
  asked += 1;
  const question = asked;
  const { token } = door;
  if (!token) return;
  const lists = Object.keys(VIEWS);
  const opened = openedDetails();
  const paths = [...lists.map((list) => `${list}?limit=${SHOWN_MAX}`), ...opened];
  const answers = await Promise.all(paths.map((path) => ask(path, token)));
  if (question !== asked) return; // somebody went out, or has asked since
  const { refused } = answers.find((answer) => answer.refused) ?? {};
  if (refused) {
    door.close(refused);
    return;
  }
  const pages = answers.slice(0, lists.length).map(({ page }) => page);
  const reports = new Map(opened.map((path, index) => [path, answers[lists.length + index].page]));
  if (pages.every(Boolean)) show(Object.fromEntries(lists.map((list, index) => [list, pages[index]])), reports);
  else setText(byId('summary'), 'The server does not answer. Trying again.');
  timer = setTimeout(refresh, EVERY_MS);
}

/** The paths of what has been opened. */
function openedDetails() {
  const opened = document.querySelectorAll('details[data-ask][open]');
  return [...new Set([...opened].map(({ dataset }) => dataset.ask))].slice(0, OPEN_MAX);
}

function show(pages, reports) {
  door.show(true);
  rates.begin(performance.now());
  const words = Object.entries(VIEWS).map(([list, view]) => view(pages[list], { rates, reports, pages }));
  setText(byId('summary'), words.join(', '));
}
