/**
 * Tests of what is read from an EHLO reply.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEhlo } from './capabilities.ts';

test('EHLO keywords are read without regard to case, with their values', () => {
  const found = parseEhlo([
    'mx.example says hi',
    'pipelining',
    'SIZE 1000',
    'Chunking',
    'AUTH PLAIN login',
    'AUTH=LOGIN CRAM-MD5',
    '8BITMIME',
    'XCLIENT NAME ADDR',
    '__proto__ x',
    '-bad',
  ]);
  assert.equal(found.host, 'mx.example');
  assert.deepEqual([found.pipelining, found.chunking, found.eightBitMime, found.dsn, found.startTls], [true, true, true, false, false]);
  assert.equal(found.size, 1000);
  assert.deepEqual(found.auth, ['PLAIN', 'LOGIN', 'CRAM-MD5']);
  assert.deepEqual(found.xclient, ['NAME', 'ADDR']);
  assert.equal(parseEhlo(['h', 'SIZE']).size, 0);
  assert.equal(parseEhlo(['h', 'SIZE 99999999999999999999']).size, 0);
  assert.equal(parseEhlo(['h']).size, undefined);
  assert.equal(parseEhlo([]).host, '');
});
