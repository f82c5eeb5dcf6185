import { dirname, join } from 'node:path';
import { BINARY } from './keel.mjs';
import { LineProcess } from './line-process.mjs';
import { until } from './waiting.mjs';

const SEATS = process.env.ROOM_SEATS_BIN ?? join(dirname(BINARY), 'room-seats');

/** Seats of a room in which peers on the `webrtc` crate sit: `crates/testkit/src/bin/room-seats.rs`. */
export class RoomSeats {
  #process;

  /** @param {string} url of the server @param {string} room */
  constructor(url, room) {
    LineProcess.check(SEATS, 'cargo build -p keel-testkit, or set ROOM_SEATS_BIN');
    this.#process = new LineProcess(SEATS, [url, room]);
  }

  /** Somebody comes in and sends sound and a picture. */
  async join(name) {
    await this.#process.ask({ join: name });
    return new RustGuest(name, this.#process);
  }

  /** Everybody there leaves. */
  end() {
    return this.#process.end();
  }
}

/** Somebody in such a seat. */
class RustGuest {
  #process;

  constructor(name, process) {
    this.name = name;
    this.#process = process;
  }

  /** Waits until whole pictures and sound arrive of so many others, on a stream for each. */
  async seesAndHears(others) {
    const before = await this.#process.ask({ look: this.name });
    const grown = (kind, now, by) => Object.entries(now[kind]).filter(([ssrc, count]) => count >= (before[kind][ssrc] ?? 0) + by).length;
    const look = async () => {
      const now = await this.#process.ask({ look: this.name });
      return { pictures: grown('pictures', now, 3), voices: grown('voices', now, 20) };
    };
    await until(`${this.name} to see and hear ${others}`, look, ({ pictures, voices }) => pictures === others && voices === others);
  }

  async leave() {
    await this.#process.ask({ leave: this.name });
  }
}
