/** The room page's modules that need no browser. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whoTypes } from '../../web/chat/chat-view.js';
import { choose, fitting, grid, spotlight } from '../../web/room/floor.js';
import { loudness } from '../../web/equipment/level.js';

const DESKTOP = { width: 1256, height: 660 };
const PHONE = { width: 366, height: 690 };

describe('The floor', () => {
  const everyPlace = function* everyPlace() {
    for (const area of [DESKTOP, PHONE, { width: 700, height: 690 }]) {
      for (let count = 1; count <= 30; count += 1) {
        yield { area, count, places: grid(count, area), of: 'grid' };
        yield { area, count, places: spotlight(count, area), of: 'spotlight' };
      }
    }
  };

  it('has every tile inside, and none over another', () => {
    for (const { area, count, places, of } of everyPlace()) {
      const what = `${of} of ${count} on ${area.width} x ${area.height}`;
      assert.ok(places.length >= Math.min(count, 2) && places.length <= count, what);
      for (const [index, { x, y, width, height }] of places.entries()) {
        assert.ok(width > 0 && height > 0 && x >= -1 && y >= -1, what);
        assert.ok(x + width <= area.width + 1 && y + height <= area.height + 1, what);
        for (const other of places.slice(index + 1)) {
          const isApart = x + width <= other.x || other.x + other.width <= x || y + height <= other.y || other.y + other.height <= y;
          assert.ok(isApart, what);
        }
      }
    }
  });

  it('has tiles of one size in a grid, and the first one largest in a spotlight', () => {
    for (const { count, places, of } of everyPlace()) {
      const areas = places.map(({ width, height }) => width * height);
      if (of === 'grid') assert.equal(new Set(areas).size, 1);
      else if (count > 1) assert.ok(areas.slice(1).every((area) => area < areas[0]));
    }
  });

  it('puts two beside each other on a desk and above each other on a phone', () => {
    const [left, right] = grid(2, DESKTOP);
    assert.equal(left.y, right.y);
    const [above, below] = grid(2, PHONE);
    assert.equal(above.x, below.x);
  });

  it('shows nine on a desk and on a phone, and no more than can be told apart', () => {
    assert.equal(grid(9, DESKTOP).length, 9);
    assert.equal(grid(9, PHONE).length, 9);
    assert.equal(grid(100, DESKTOP).length, 25);
    assert.ok(fitting({ width: 10, height: 10 }) === 1);
  });
});

describe('The choice of tiles', () => {
  it('keeps everybody at their place when others come and go', () => {
    assert.deepEqual(choose(['a', 'b', 'c'], [], new Set(), 9), ['a', 'b', 'c']);
    assert.deepEqual(choose(['a', 'c', 'd'], ['a', 'b', 'c'], new Set(), 9), ['a', 'c', 'd']);
  });

  it('lets a speaker take the place of the last who is silent', () => {
    assert.deepEqual(choose(['a', 'b', 'c', 'd'], ['a', 'b'], new Set(['d']), 2), ['a', 'd']);
    assert.deepEqual(choose(['a', 'b', 'c', 'd'], ['a', 'd'], new Set(), 2), ['a', 'd'], 'and keep it');
    assert.deepEqual(choose(['a', 'b', 'c'], ['a', 'b'], new Set(['a', 'b', 'c']), 2), ['a', 'b'], 'nobody gives way to an equal');
  });
});

describe('The microphone meter', () => {
  it('goes from silence to a raised voice', () => {
    assert.equal(loudness(0), 0);
    assert.equal(loudness(1e-7), 0);
    assert.ok(loudness(1e-4) > 0.3 && loudness(1e-4) < 0.6);
    assert.equal(loudness(1), 1);
  });
});

describe('Who types', () => {
  it('is said in a sentence', () => {
    assert.equal(whoTypes([]), '');
    assert.equal(whoTypes(['Ada']), 'Ada is typing…');
    assert.equal(whoTypes(['Ada', 'Ben']), 'Ada and Ben are typing…');
    assert.equal(whoTypes(['Ada', 'Ben', 'Cay']), 'Several people are typing…');
  });
});
