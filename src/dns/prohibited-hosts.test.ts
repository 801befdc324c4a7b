// Proves that what strangers name must not lead to ourselves, in any spelling, and that the operator's word counts.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { isProhibited, prohibitedByDefault } from '#dns';

test('A52 OUT-29 by default learnt addresses must not be this machine, its links, multicast or metadata, in any spelling', () => {
  for (const ip of [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    'fe80::1',
    'ff02::1',
    'fd00:ec2::254',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
  ])
    assert.equal(isProhibited(ip, undefined, 'learnt'), true, ip);
  for (const ip of ['192.0.2.1', '10.0.0.1', '172.16.0.1', '2001:db8::1', 'fd00::1', '64:ff9b::c000:201', '::ffff:192.0.2.1'])
    assert.equal(isProhibited(ip, undefined, 'learnt'), false, ip);
});

test('OUT-29 a list of the operator replaces the default, also an empty one', () => {
  const list = ['10.0.0.0/8', 'fd00::/8', 'nonsense'];
  assert.equal(isProhibited('10.1.1.1', list, 'learnt'), true);
  assert.equal(isProhibited('fd12::1', list, 'learnt'), true);
  assert.equal(isProhibited('127.0.0.1', list, 'learnt'), false);
  assert.equal(isProhibited('127.0.0.1', [], 'learnt'), false);
});

test('OUT-29 what the operator wrote as a destination is never prohibited, what is no address always', () => {
  assert.equal(isProhibited('127.0.0.1', undefined, 'operator'), false);
  assert.equal(isProhibited('10.1.1.1', ['10.0.0.0/8'], 'operator'), false);
  assert.equal(isProhibited('127.1', undefined, 'learnt'), true);
  assert.ok(prohibitedByDefault.length > 5);
});
