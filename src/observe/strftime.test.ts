/*
 * Time stamps in local time; the test makes its moments from local parts, so it holds in every zone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strftime } from './strftime.ts';

const local = (...parts: [number, number, number, number, number, number]): number => new Date(...parts).getTime();

test('RT-06 the default TimestampFormat gives the stamp of the manual', () => {
  assert.equal(strftime('[%a %d %b %Y %H:%M:%S]', local(2003, 10, 30, 10, 31, 37)), '[Sun 30 Nov 2003 10:31:37]');
});

test('every specifier is filled in, unknown ones and a lone percent sign stay', () => {
  const moment = local(2024, 1, 9, 0, 5, 7);
  assert.equal(
    strftime('%A %B %e|%y %m %I %p %j|%F %T|%D|%h|%%|%Q|%', moment),
    'Friday February  9|24 02 12 AM 040|2024-02-09 00:05:07|02/09/24|Feb|%|%Q|%',
  );
  assert.equal(strftime('%s', moment), String(moment / 1000));
  assert.match(strftime('%z %Z', moment), /^[+-]\d{4} [+-]\d{4}$/);
  assert.equal(strftime('%n%t', moment), '\n\t');
});

test('a stamp is made anew for another second and for another format', () => {
  const moment = local(2024, 1, 9, 0, 5, 7);
  assert.equal(strftime('%S', moment), '07');
  assert.equal(strftime('%S', moment + 999), '07');
  assert.equal(strftime('%S', moment + 1000), '08');
  assert.equal(strftime('%M', moment + 1000), '05');
});
