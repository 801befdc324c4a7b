// Proves how networks are read, what lies inside them, and that mapped addresses meet their IPv4 networks.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { cidrContains, formatCidr, parseCidr, parseIp } from '#base';

function contains(net: string, address: string): boolean {
  const cidr = parseCidr(net);
  const ip = parseIp(address);
  assert.ok(cidr !== undefined && ip !== undefined);
  return cidrContains(cidr, ip);
}

test('LSN-05 a single address is a host network, and host bits behind the prefix do not matter', () => {
  const shown = (text: string): string | undefined => {
    const cidr = parseCidr(text);
    return cidr === undefined ? undefined : formatCidr(cidr);
  };
  assert.equal(shown('10.0.0.1'), '10.0.0.1');
  assert.equal(shown('10.1.2.3/8'), '10.0.0.0/8');
  assert.equal(shown('10.255.255.255/13'), '10.248.0.0/13');
  assert.equal(shown('0.0.0.0/0'), '0.0.0.0/0');
  assert.equal(shown('FD00::1:2/8'), 'fd00::/8');
  assert.equal(shown('2001:db8::1'), '2001:db8::1');
});

test('LSN-03 V6-01 IPv6 networks need no brackets, and brackets are tolerated', () => {
  assert.equal(parseCidr('fd00::/8')?.bits, 8);
  assert.equal(parseCidr('[fd00::]/8')?.ip.text, 'fd00::');
});

test('lengths that are no plain number in range are refused', () => {
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    '10.0.0.0/255.0.0.0',
    '::/129',
    '10/8',
    '[10.0.0.1]',
    'example.com',
    '/8',
    '10.0.0.0/8/8',
  ])
    assert.equal(parseCidr(text), undefined, text);
});

test('an address lies in a network when the leading bits agree', () => {
  assert.equal(contains('10.0.0.0/8', '10.255.0.1'), true);
  assert.equal(contains('10.0.0.0/8', '11.0.0.1'), false);
  assert.equal(contains('192.168.4.0/22', '192.168.7.255'), true);
  assert.equal(contains('192.168.4.0/22', '192.168.8.0'), false);
  assert.equal(contains('0.0.0.0/0', '1.2.3.4'), true);
  assert.equal(contains('0.0.0.0/0', '::1'), false);
  assert.equal(contains('2001:db8::/33', '2001:db8:7fff::'), true);
  assert.equal(contains('2001:db8::/33', '2001:db8:8000::'), false);
});

test('an IPv4-mapped peer lies in the IPv4 network, and a mapped network is the IPv4 one', () => {
  assert.equal(contains('10.0.0.0/8', '::ffff:10.1.1.1'), true);
  assert.equal(contains('::ffff:10.0.0.0/104', '10.1.1.1'), true);
  assert.equal(contains('::/0', '::ffff:10.1.1.1'), false);
});
