/**
 * Tests of parsePath on its own: where a path ends, and literals and domains as other rooms read them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NULL_PATH, parseAddressLiteral, parseDomain, parsePath } from './path.ts';

const STRICT = { allowTrailingWhitespace: false, pedanticAddresses: true, utf8: false };

test('a path ends behind its bracket, even when a quoted string holds brackets', () => {
  const found = parsePath('x<"a>b"@c.d> SIZE=1', 1, STRICT);
  assert.ok(found.ok);
  assert.deepEqual([found.end, found.path.local], [12, 'a>b']);
  assert.deepEqual(parsePath('<>', 0, STRICT), { ok: true, path: NULL_PATH, end: 2 });
});

test('A32: a path that is not one says why, in our words', () => {
  const reason = (text: string): string => {
    const found = parsePath(text, 0, STRICT);
    return found.ok ? 'ok' : found.reason;
  };
  assert.equal(reason('a@b'), 'no <');
  assert.equal(reason('<a@b'), 'no >');
  assert.equal(reason('<a b@c>'), 'no >');
  assert.equal(reason('<a@b_c>'), 'bad domain');
  assert.equal(reason('<.a@b>'), 'bad local part');
  assert.equal(reason(`<${'a'.repeat(65)}@b>`), 'local part too long');
  assert.equal(reason('<@a>'), 'bad source route');
  assert.equal(reason(''), 'no <');
});

test('A32: a very long line of quotes, routes or dots takes linear time', () => {
  for (const text of [
    `<"${'\\"'.repeat(200_000)}`,
    `<${'@a,'.repeat(100_000)}@a:u@b>`,
    `<${'a.'.repeat(200_000)}`,
    `<u@${'a.'.repeat(200_000)}b>`,
  ]) {
    parsePath(text, 0, STRICT);
  }
});

test('domains and literals for other rooms', () => {
  assert.equal(parseDomain('MX.Example'), 'mx.example');
  assert.equal(parseDomain('a_b.example'), undefined);
  assert.equal(parseDomain('a_b.example', false), 'a_b.example');
  assert.equal(parseDomain('10.0.0.1'), undefined);
  assert.equal(parseAddressLiteral('[IPv6:2001:db8::1]')?.text, '2001:db8::1');
  assert.equal(parseAddressLiteral('10.0.0.1'), undefined);
});
