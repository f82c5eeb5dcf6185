import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** A program that answers each line of its standard input with one of its output, and ends with its input. */
export class LineProcess {
  #process;
  #lines;
  #name;

  /** @throws {Error} with what to do, if there is no such program */
  static check(program, remedy) {
    if (!existsSync(program)) throw new Error(`${program} is missing: build it with ${remedy}`);
  }

  constructor(program, flags) {
    this.#name = program;
    this.#process = spawn(program, flags, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Says something, and returns the answer. One question at a time. */
  async ask(question) {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    return JSON.parse(await this.line());
  }

  /** Its next line. */
  async line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#name} ended with ${this.#process.exitCode}`);
    return value;
  }

  async end() {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.stdin.end();
    await ended;
  }
}
