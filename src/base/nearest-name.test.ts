// Proves that a mistyped word finds its neighbour, that a strange one finds none, and that the cost is bounded.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { nearestName } from '#base';

const names = ['Max_Outbound_Connections', 'Max_Retries', 'Retry_Interval', 'Gateway', 'Relay_Hosts', 'Relay_Domains'];

test('a slip of the fingers finds the name that was meant, in its own spelling', () => {
  assert.equal(nearestName('max_retires', names), 'Max_Retries');
  assert.equal(nearestName('MAX_OUTBOUND_CONECTIONS', names), 'Max_Outbound_Connections');
  assert.equal(nearestName('gatway', names), 'Gateway');
  assert.equal(nearestName('Relay_Host', names), 'Relay_Hosts');
  assert.equal(nearestName('gateway', names), 'Gateway');
});

test('a word that resembles nothing, an empty one and an endless one have no neighbour', () => {
  assert.equal(nearestName('zzzzzzzz', names), undefined);
  assert.equal(nearestName('', names), undefined);
  assert.equal(nearestName('g'.repeat(100_000), ['g'.repeat(99_999)]), undefined);
});

test('of two equally near names the first is given', () => {
  assert.equal(nearestName('ab', ['ac', 'ad']), 'ac');
});
