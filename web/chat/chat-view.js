import { byId, setText } from '../dom.js';
import { asSentence } from '../sentence.js';

/** Far more than anybody reads; older ones are fetched again when asked for. */
const SHOWN_MAX = 500;
/** How long "is typing" is believed without a further word. */
const TYPING_MS = 6_000;
/** As often as we say that we are typing. */
const TYPING_EVERY_MS = 3_000;
/** Messages of one person within this time stand together. */
const TOGETHER_MS = 180_000;

/**
 * What is written and read: a room, or a call.
 *
 * @typedef {EventTarget & {
 *   name: string,
 *   messages: {message: number, name: string, text: string, time: number}[],
 *   hasMoreMessages: boolean,
 *   chat: (text: string) => Promise<object>,
 *   history: (before?: number) => Promise<{messages: object[], more: boolean}>,
 *   typing: (typing: boolean) => void,
 * }} Conversation
 * `name` is our own. Events: `message`; `typing` and `participantleft` with a `participant` that has a name.
 */

/**
 * The panel of a chat: messages, older ones on request, who is typing, the field to write. The panel says by an event
 * `toggle` that it was opened or closed.
 *
 * @param {(sentence: string) => void} tell says what came while the panel was closed
 * @returns {(conversation: Conversation | null) => void} shows another conversation
 */
export function mountChatView(tell) {
  const panel = byId('chat');
  const list = byId('messages');
  const scroll = byId('chat-scroll');
  const text = byId('chat-text');
  /** @type {Conversation | null} */
  let shown = null;
  let unread = 0;
  /** By name, the timer after which nobody believes any more that somebody is typing. */
  let typing = new Map();
  let saidTypingAt = -Infinity;

  panel.addEventListener('toggle', () => {
    if (panel.hidden) return;
    count(0);
    toEnd();
    text.focus();
  });
  byId('chat-older').addEventListener('click', fetchOlder);
  byId('chat-form').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  text.addEventListener('keydown', (event) => {
    // While letters are composed (Chinese, Japanese, Korean) Enter ends a word, not the message.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  text.addEventListener('input', () => {
    grow();
    sayTyping(text.value !== '');
  });

  return (conversation) => {
    if (conversation === shown) return;
    shown = conversation;
    begin();
  };

  function begin() {
    list.replaceChildren();
    for (const timer of typing.values()) clearTimeout(timer);
    typing = new Map();
    drawTyping();
    count(0);
    text.value = '';
    setText(byId('chat-error'), '');
    for (const message of shown?.messages ?? []) append(message);
    byId('chat-empty').hidden = list.children.length > 0;
    byId('chat-older').hidden = !shown?.hasMoreMessages;
    const current = shown;
    current?.addEventListener('message', ({ detail }) => current === shown && received(detail));
    current?.addEventListener('typing', ({ detail }) => current === shown && isTyping(detail.participant?.name, detail.typing));
    current?.addEventListener('participantleft', ({ detail }) => current === shown && isTyping(detail.participant.name, false));
  }

  function received(message) {
    const wasAtEnd = isAtEnd();
    append(message);
    isTyping(message.name, false);
    if (panel.hidden) {
      count(unread + 1);
      tell(`${message.name}: ${excerpt(message.text)}`);
    } else if (wasAtEnd) toEnd();
  }

  async function send() {
    const written = text.value.trim();
    if (!written || !shown) return;
    setText(byId('chat-error'), '');
    try {
      const conversation = shown;
      const message = await conversation.chat(written);
      if (conversation !== shown) return; // it ended meanwhile
      append(message);
      toEnd();
      // Unless more was written while the server took its time.
      if (text.value.trim() === written) text.value = '';
      grow();
      saidTypingAt = -Infinity; // a message says by itself that nobody types any more
    } catch (error) {
      setText(byId('chat-error'), asSentence(error.message));
    }
  }

  async function fetchOlder() {
    const conversation = shown;
    const oldest = list.firstElementChild;
    try {
      const { messages, more } = await conversation.history(oldest ? Number(oldest.dataset.message) : undefined);
      if (conversation !== shown) return;
      const height = scroll.scrollHeight;
      for (const message of messages.toReversed()) insert(message, list.firstElementChild);
      byId('chat-older').hidden = !more;
      scroll.scrollTop += scroll.scrollHeight - height; // what was read stays where it is
    } catch (error) {
      setText(byId('chat-error'), asSentence(error.message));
    }
  }

  function append(message) {
    if (list.lastElementChild && Number(list.lastElementChild.dataset.message) >= message.message) return insertInOrder(message);
    insert(message, null);
    if (list.children.length <= SHOWN_MAX) return undefined;
    list.firstElementChild.remove();
    byId('chat-older').hidden = false;
    return undefined;
  }

  /** Our own message and another's may have crossed on the way. */
  function insertInOrder(message) {
    const next = [...list.children].find((item) => Number(item.dataset.message) >= message.message);
    if (Number(next.dataset.message) !== message.message) insert(message, next);
  }

  function insert(message, before) {
    const item = newItem(message, message.name === shown.name);
    list.insertBefore(item, before);
    join(item.previousElementSibling, item);
    join(item, item.nextElementSibling);
    byId('chat-empty').hidden = true;
  }

  function isTyping(name, isSo) {
    if (name === undefined || name === shown?.name) return;
    clearTimeout(typing.get(name));
    typing.delete(name);
    if (isSo) {
      typing.set(name, setTimeout(() => {
        typing.delete(name);
        drawTyping();
      }, TYPING_MS));
    }
    drawTyping();
  }

  function drawTyping() {
    setText(byId('chat-typing'), whoTypes([...typing.keys()]));
  }

  function sayTyping(isSo) {
    const now = performance.now();
    if (isSo && now - saidTypingAt < TYPING_EVERY_MS) return;
    if (!isSo && saidTypingAt === -Infinity) return;
    saidTypingAt = isSo ? now : -Infinity;
    shown?.typing(isSo);
  }

  function count(number) {
    unread = number;
    const badge = byId('chat-unread');
    badge.hidden = unread === 0;
    setText(badge, unread > 9 ? '9+' : String(unread));
    byId('toggle-chat').setAttribute('aria-label', unread === 0 ? 'Chat' : `Chat, ${unread} unread`);
  }

  function isAtEnd() {
    return scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  }

  function toEnd() {
    scroll.scrollTop = scroll.scrollHeight;
  }

  /** The field is as high as what is written, up to its limit. */
  function grow() {
    text.style.height = 'auto';
    text.style.height = `${text.scrollHeight}px`;
  }
}

function newItem({ message, name, text, time }, isOwn) {
  const item = document.createElement('li');
  item.className = 'message';
  item.dataset.message = String(message);
  item.dataset.time = String(time);
  item.dataset.name = name;
  item.classList.toggle('is-own', isOwn);
  const head = document.createElement('p');
  head.className = 'message-head';
  const author = document.createElement('span');
  author.className = 'message-author';
  author.textContent = isOwn ? 'You' : name;
  const when = document.createElement('time');
  when.dateTime = new Date(time).toISOString();
  when.textContent = clock(time);
  head.append(author, when);
  const body = document.createElement('p');
  body.className = 'message-text';
  body.textContent = text;
  item.append(head, body);
  return item;
}

/** The second of two that belong together needs no name of its own. */
function join(first, second) {
  if (!first || !second) return;
  const isTogether = first.dataset.name === second.dataset.name && Number(second.dataset.time) - Number(first.dataset.time) < TOGETHER_MS;
  second.classList.toggle('is-continued', isTogether);
}

/** Hour and minute; for another day its date too. */
function clock(time) {
  const date = new Date(time);
  const hour = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === new Date().toDateString() ? hour : `${date.toLocaleDateString()} ${hour}`;
}

function excerpt(text) {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** @returns {string} a sentence about who types; empty for nobody */
export function whoTypes(names) {
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return 'Several people are typing…';
}
