/**
 * Tests of dates: form, offsets, impossible times.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDate } from './date.ts';

test('dates are those of RFC 5322 in the offset asked for, and the second is formatted once', () => {
  assert.equal(formatDate(Date.UTC(2026, 10, 22, 21, 38, 32)), 'Sun, 22 Nov 2026 21:38:32 +0000');
  assert.equal(formatDate(Date.UTC(2026, 10, 22, 21, 38, 32, 999)), 'Sun, 22 Nov 2026 21:38:32 +0000');
  assert.equal(formatDate(Date.UTC(2024, 1, 28, 23, 59, 59), 330), 'Thu, 29 Feb 2024 05:29:59 +0530');
  assert.equal(formatDate(Date.UTC(2024, 2, 1, 0, 0, 0), -90), 'Thu, 29 Feb 2024 22:30:00 -0130');
});

test('A65: impossible times give a date of four digits', () => {
  const form = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/;
  for (const time of [-1, -1e15, 1e18, Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_799_000]) {
    for (const offset of [0, 1439, -1439, 100_000]) assert.match(formatDate(time, offset), form, `${time} ${offset}`);
  }
});
