/**
 * Places for connections: of the server and of each binding, shared by the loops.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BindingPlacesPort } from '../ports.ts';
import { ownPlaces, Places } from './places.ts';

const wake = (): void => undefined;

test('SHP-02: the limit of a binding holds over all loops that share its places, and the last one to leave closes them', () => {
  const server = ownPlaces();
  const shared = new Map<string, BindingPlacesPort>();
  let closed = 0;
  const ofBinding = (name: string): BindingPlacesPort => {
    if (!shared.has(name)) shared.set(name, ownPlaces());
    const port = shared.get(name) as BindingPlacesPort;
    return { acquire: (limit) => port.acquire(limit), release: () => port.release(), close: () => void (closed += 1) };
  };
  const [one, two] = [0, 1].map(() => new Places({ server, serverMax: () => 10, ofBinding })) as [Places, Places];
  assert.equal(one.acquire('b', 2, wake), true);
  assert.equal(two.acquire('b', 2, wake), true);
  assert.equal(one.acquire('b', 2, wake), false);
  assert.equal(two.acquire('b', 2, wake), false);
  assert.equal(one.acquire('c', 2, wake), true, 'another binding has places of its own');
  one.release('c');
  assert.equal(closed, 1, 'nobody has a place of binding c here any more, and nobody waits for one');
  two.release('b');
  assert.equal(one.acquire('b', 2, wake), true);
  assert.equal(closed, 2);
});

test('SHP-02: who is refused by the server holds no place of its binding', () => {
  const places = new Places({ server: ownPlaces(), serverMax: () => 1 });
  let woken = 0;
  assert.equal(places.acquire('a', 1, wake), true);
  assert.equal(
    places.acquire('b', 1, () => void (woken += 1)),
    false,
  );
  places.release('a');
  assert.equal(woken, 1);
  assert.equal(places.acquire('b', 1, wake), true);
});
