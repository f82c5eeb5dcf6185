/** The administrator's page: asks the server every two seconds and draws what it says. */

import { byId, setText } from '../dom.js';
import { drawPipeline } from './graph-view.js';
import { Rates } from './rates.js';
import { drawClient, relayWords } from './relay-view.js';
import { drawRoom } from './rooms-view.js';

const EVERY_MS = 2000;

/** Rooms, and pipelines, that are drawn; a page with more would tell nobody anything. */
const SHOWN_MAX = 50;

/** Where this tab keeps the token. */
const TOKEN_KEY = 'keel-admin-token';

const rates = new Rates();
let timer;

byId('door-form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, byId('door-token').value);
  byId('door-token').value = '';
  refresh();
});

byId('sign-out').addEventListener('click', () => {
  sessionStorage.removeItem(TOKEN_KEY);
  askForToken('');
});

if (sessionStorage.getItem(TOKEN_KEY)) refresh();
else askForToken('');

async function refresh() {
  clearTimeout(timer);
  const token = sessionStorage.getItem(TOKEN_KEY);
  const [answer, rooms, turn] = await Promise.all(['pipelines', 'rooms', 'turn'].map((list) => ask(list, token)));
  if (!sessionStorage.getItem(TOKEN_KEY)) return; // signed out meanwhile
  if (answer.refused) {
    sessionStorage.removeItem(TOKEN_KEY);
    askForToken(answer.refused);
    return;
  }
  if (answer.page && rooms.page && turn.page) show(answer.page, rooms.page, turn.page);
  else setText(byId('summary'), 'The server does not answer. Trying again.');
  timer = setTimeout(refresh, EVERY_MS);
}

/** @returns {Promise<{page?: object, refused?: string}>} neither: the server could not be reached */
async function ask(list, token) {
  try {
    const response = await fetch(`api/${list}?limit=${SHOWN_MAX}`, {
      cache: 'no-store',
      headers: { Authorization: `Bearer ${token}` },
    });
    if (response.ok) return { page: await response.json() };
    if (response.status === 401 || response.status === 403) return { refused: (await response.json()).detail };
    return {};
  } catch {
    return {};
  }
}

function askForToken(problem) {
  clearTimeout(timer);
  byId('door').hidden = false;
  byId('floor').hidden = true;
  byId('sign-out').hidden = true;
  setText(byId('summary'), '');
  setText(byId('door-error'), problem);
  byId('door-token').focus();
}

function show({ pipelines, next }, { rooms, next: nextRooms }, turn) {
  byId('door').hidden = true;
  byId('floor').hidden = false;
  byId('sign-out').hidden = false;
  byId('rooms').replaceChildren(...rooms.map(drawRoom));
  byId('no-rooms').hidden = rooms.length > 0;
  byId('more-rooms').hidden = nextRooms === undefined;
  setText(byId('relay-words'), relayWords(turn));
  byId('relay').hidden = turn.clients.length === 0;
  byId('relay-clients').replaceChildren(...turn.clients.map(drawClient));
  rates.begin(performance.now());
  const scrolled = scrolledDrawings();
  byId('pipelines').replaceChildren(...pipelines.map((pipeline) => drawPipeline(pipeline, rates)));
  byId('pipelines')
    .querySelectorAll('.drawing')
    .forEach((drawing, index) => drawing.scrollTo(scrolled[index] ?? 0, 0));
  byId('empty').hidden = pipelines.length > 0;
  byId('more').hidden = next === undefined;
  const elements = pipelines.reduce((total, pipeline) => total + pipeline.elements.length, 0);
  const more = (next) => (next === undefined ? '' : ' and more');
  const words = [
    `${count(rooms.length, 'room')}${more(nextRooms)}`,
    `${count(pipelines.length, 'pipeline')}${more(next)}`,
    count(elements, 'element'),
  ];
  setText(byId('summary'), words.join(', '));
}

function count(number, word) {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

function scrolledDrawings() {
  return [...byId('pipelines').querySelectorAll('.drawing')].map((drawing) => drawing.scrollLeft);
}
