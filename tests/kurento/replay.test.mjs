import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { it } from 'node:test';
import { TYPES } from './codes.mjs';
import { formOf } from './form.mjs';
import { tell } from './house.mjs';
import { Recording, REFUSALS, REFUSALS_WITHIN, withRealOffer } from './recording.mjs';

const NAMES = readdirSync(new URL('wire/', import.meta.url)).map((file) => file.replace('.jsonl', '')).sort();

/** The recording in which the server does not know the session after the connection broke: a new server. */
const FORGETFUL = 'scenario5';

tell('The frames of kurento-client on the wire, sent again one by one:', {}, (house) => {
  for (const name of NAMES) {
    it(`${name} is answered in the recorded form`, async () => {
      const compared = await replay(house, name);
      assert.ok(compared.answers >= 9, `${compared.answers} answers were compared`);
      if (name === 'scenario1') assert.ok(compared.events > 0, 'its candidates had a counterpart');
    });
  }
});

/**
 * Sends each request at its place, and waits for each answer where the recording has it: requests that the client sent
 * back to back are sent so again.
 *
 * @returns {Promise<{answers: number, events: number}>} how many were compared
 */
async function replay(house, name) {
  const recording = new Recording(name);
  const sockets = [];
  const ids = new Ids();
  const gone = new Set();
  const subscribed = new Set();
  const compared = { answers: 0, events: 0 };
  for (const step of recording.steps) {
    const socket = sockets[step.socket];
    switch (step.kind) {
      case 'open':
        sockets[step.socket] = await house.raw({ compression: true });
        break;
      case 'close':
        await socket.vanish();
        if (name === FORGETFUL) {
          await house.keel.restart();
          gone.add('everything');
        }
        break;
      case 'request':
        if (step.message.method === 'subscribe') subscribed.add(`${step.message.params.object} ${step.message.params.type}`);
        socket.send(withRealOffer(ids.translate(JSON.stringify(step.message))));
        break;
      case 'answer': {
        const request = recording.steps.find(({ kind, message, socket: on }) =>
          kind === 'request' && message.id === step.message.id && on === step.socket);
        const answer = await socket.answer(step.message.id);
        const expected = expectedAnswer(name, request.message, step.message, gone);
        const isReport = request.message.params?.operation === 'getStats';
        const comparable = isReport ? onlyRecordedStats(answer, ids.translate(JSON.stringify(step.message))) : answer;
        const words = `${JSON.stringify(request.message)} answered ${JSON.stringify(answer)}`;
        assert.deepEqual(formOf(comparable), formOf(expected), words);
        ids.learn(expected, answer);
        compared.answers += 1;
        break;
      }
      case 'event': {
        const { object, type } = step.message.params.value;
        // The stub told of events that nobody had subscribed to.
        if (!subscribed.has(`${object} ${type}`)) break;
        const value = await socket.event(type, ids.translate(object));
        const event = { jsonrpc: '2.0', method: 'onEvent', params: { value } };
        assert.deepEqual(formOf(event), formOf(step.message));
        compared.events += 1;
        break;
      }
    }
  }
  return compared;
}

/** The recorded answer, or the refusal that a real server gives in its place. */
function expectedAnswer(name, request, recorded, gone) {
  const { id, method, params } = request;
  const refusal = REFUSALS[name]?.[id];
  if (refusal) {
    if (method === 'create') gone.add(recorded.result.value);
    return refused(id, refusal.code);
  }
  const named = JSON.stringify([params?.object, params?.constructorParams, params?.operationParams]);
  const needsObject = ['invoke', 'create', 'describe'].includes(method) && params.object !== 'manager_ServerManager';
  if (needsObject && (gone.has('everything') || [...gone].some((object) => named.includes(object)))) {
    if (method === 'create') gone.add(recorded.result.value);
    return refused(id, 40101);
  }
  // The stub knew no properties and no sessions.
  if (params?.operation === 'getMaxVideoSendBandwidth') return valued(recorded, 0);
  if (params?.operation === 'getSessions') return valued(recorded, [recorded.result.sessionId]);
  const within = REFUSALS_WITHIN[name]?.[id];
  if (!within) return recorded;
  const expected = (answer) => (within[answer.id] ? refused(answer.id, within[answer.id].code) : answer);
  return valued(recorded, recorded.result.value.map(expected));
}

/** The stub had statistics of the endpoint itself only. */
function onlyRecordedStats(answer, recordedText) {
  const recorded = Object.keys(JSON.parse(recordedText).result.value);
  return valued(answer, Object.fromEntries(Object.entries(answer.result.value).filter(([id]) => recorded.includes(id))));
}

const valued = (recorded, value) => ({ ...recorded, result: { ...recorded.result, value } });
const refused = (id, code) => ({ id, jsonrpc: '2.0', error: { code, message: 'text', data: { type: TYPES[code] } } });

/** What the server calls what the recording calls otherwise. */
class Ids {
  #pairs = new Map();

  /** Learns from an answer of the recorded form. */
  learn(recorded, answer) {
    const [old, current] = [recorded, answer].map((message) => JSON.stringify(sorted(message)).match(UUIDS) ?? []);
    if (old.length === current.length) old.forEach((id, place) => this.#pairs.set(id, current[place]));
  }

  /** A recorded text with the server's ids in the place of the recorded ones. */
  translate(text) {
    return text.replaceAll(UUIDS, (id) => this.#pairs.get(id) ?? id);
  }
}

/** With all keys in one order, so that ids stand in one order. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

const UUIDS = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
