import { it } from 'node:test';
import { RoomSeats } from '../shared/room-seats.mjs';
import { Guest } from './guest.mjs';
import { tell } from './stage.mjs';

const ROOM = 'full house';

tell('A room of eight, most of them no browsers', { person: Guest, seating: { room: ROOM } }, (stage) => {
  it('shows everybody to everybody; one leaves, and another one comes late', async () => {
    const seats = new RoomSeats(stage.keel.url, ROOM);
    try {
      const guests = [];
      for (const name of ['Ada', 'Ben', 'Cay']) guests.push(await stage.seat(name));
      const peers = [];
      for (const name of ['Dan', 'Eve', 'Fay', 'Gus', 'Hal']) peers.push(await seats.join(name));
      await everybodyMeets(guests, peers);

      const leaving = peers.pop();
      await leaving.leave();
      for (const guest of guests) await guest.isWith(...othersOf(guest, guests, peers));
      peers.push(await seats.join('Ida'));
      await everybodyMeets(guests, peers);
    } finally {
      await seats.end();
    }
  });
});

/** Browsers decode a moving picture of each other participant; the peers get whole pictures and sound of each. */
async function everybodyMeets(guests, peers) {
  await Promise.all(guests.flatMap((guest) => othersOf(guest, guests, peers).map((other) => guest.seesPictureOf(other))));
  for (const peer of peers) await peer.seesAndHears(guests.length + peers.length - 1);
}

function othersOf(guest, guests, peers) {
  return [...guests, ...peers].filter((other) => other !== guest);
}
