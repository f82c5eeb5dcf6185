/** A call may be quick with its questions; more than this wait for nobody's answer. */
const WAITING_MAX = 32;

/**
 * What two write to each other during their call. The call's protocol numbers no requests, but answers each kind in
 * order: the oldest question of a kind gets the next answer.
 *
 * Events: `message`, `typing` (`detail.participant.name`, `detail.typing`), as `web/chat` takes them.
 */
export class Conversation extends EventTarget {
  /** What was written last in earlier calls, oldest first. */
  messages = [];
  hasMoreMessages = false;
  #send;
  /** By the answer's kind, who waits for it. */
  #waiting = { chatSent: [], chatHistory: [] };

  /**
   * @param {string} name our own
   * @param {(message: object) => boolean} send
   */
  constructor(name, send) {
    super();
    this.name = name;
    this.#send = send;
  }

  /** Fetches what was written last. */
  async begin() {
    const { messages, more } = await this.history();
    this.messages = messages;
    this.hasMoreMessages = more;
  }

  /** Writes to the other side. @throws {Error} with the server's words if it refuses */
  async chat(text) {
    const { message, time } = await this.#ask({ id: 'chat', text }, 'chatSent');
    return { message, name: this.name, text, time };
  }

  /** What was written before a message, or last of all. */
  async history(before) {
    return this.#ask({ id: 'history', before }, 'chatHistory');
  }

  /** Tells the other side that something is being written, or no longer. */
  typing(typing) {
    this.#send({ id: 'typing', typing });
  }

  /**
   * @param {{id: string}} message of the server
   * @returns {boolean} whether it is about this conversation
   */
  handle(message) {
    switch (message.id) {
      case 'chatSent':
      case 'chatHistory':
        this.#waiting[message.id].shift()?.resolve(message);
        return true;
      case 'chatMessage':
        this.dispatchEvent(new CustomEvent('message', { detail: { ...message, name: message.from } }));
        return true;
      case 'typing':
        this.dispatchEvent(new CustomEvent('typing', { detail: { participant: { name: message.from }, typing: message.typing } }));
        return true;
      case 'error':
        return this.#refused(message.message);
      default:
        return false;
    }
  }

  /** The call is over: what waits is not answered any more. */
  end() {
    while (this.#refused('The call has ended.'));
  }

  #ask(message, answer) {
    const waiting = this.#waiting[answer];
    if (waiting.length >= WAITING_MAX || !this.#send(message)) return Promise.reject(new Error('The message could not be sent.'));
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }

  /** Errors do not say what they are about: the oldest message that waits, else the oldest question for history. */
  #refused(words) {
    const refused = this.#waiting.chatSent.shift() ?? this.#waiting.chatHistory.shift();
    refused?.reject(new Error(words));
    return refused !== undefined;
  }
}
