/**
 * Tests of mailboxes as data.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { domainLiteral, formatMailbox, isPrintableAddress, parseMailbox, splitAddress } from './mailbox.ts';

test('A32: mailboxes give meaning and spelling, domains in lower-case A-labels', () => {
  assert.deepEqual(parseMailbox('Bob@Example.COM'), { local: 'Bob', domain: 'example.com', text: 'Bob@Example.COM' });
  assert.deepEqual(parseMailbox('"a \\"b"@c.d'), { local: 'a "b', domain: 'c.d', text: '"a \\"b"@c.d' });
  assert.equal(parseMailbox('jörg@bücher.example')?.domain, 'xn--bcher-kva.example');
  assert.equal(parseMailbox('u@[IPv6:::1]')?.domain, '[ipv6:::1]');
  assert.equal(parseMailbox('u@[127.0.0.1]')?.domain, '[127.0.0.1]');
  assert.equal(parseMailbox('__proto__@constructor')?.local, '__proto__');
  for (const bad of [
    '',
    'a',
    '@b',
    'a@',
    'a b@c',
    'a..b@c',
    '.a@c',
    'a@b@c',
    '"a@c',
    'a@[999.1.1.1]',
    'a@b\r\nX: y',
    'a\n@b',
    `a@${'b'.repeat(2000)}`,
  ]) {
    assert.equal(parseMailbox(bad), undefined, JSON.stringify(bad));
  }
});

test('an address made of its parts reads back as those parts', () => {
  const local = fc.string({ unit: fc.constantFrom('a', '.', '"', '\\', ' ', '@', '!', '('), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(local, (text) => {
      assert.equal(parseMailbox(formatMailbox(text, 'c.example'))?.local, text);
    }),
  );
  assert.equal(formatMailbox('postmaster', ''), 'postmaster');
});

test('literal domains give their address, names do not', () => {
  assert.equal(domainLiteral('[ipv6:2001:db8::1]')?.text, '2001:db8::1');
  assert.equal(domainLiteral('[192.0.2.1]')?.text, '192.0.2.1');
  for (const bad of ['example.com', '[::1]', '[ipv6:192.0.2.1]', '[]', '[1.2.3.4']) assert.equal(domainLiteral(bad), undefined, bad);
});

test('addresses are split at the last at-sign and judged printable', () => {
  assert.deepEqual(splitAddress('"a@b"@c'), { local: '"a@b"', domain: 'c' });
  assert.deepEqual(splitAddress('postmaster'), { local: 'postmaster', domain: '' });
  assert.equal(isPrintableAddress('jörg@b'), true);
  assert.equal(isPrintableAddress('a\x85@b'), false);
});
