// Proves every form of a Listen address and of a Gateway value, and that one socket has one text.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { formatEndpoint, parseEndpoint, parseHostPort } from '#base';

test('LSN-02 :25 and *:25 are the IPv4 wildcard, [*]:25 and [::]:25 the IPv6 one, a path is a Unix socket', () => {
  assert.deepEqual(parseEndpoint(':25'), { kind: 'tcp', host: '*', family: 'any', port: 25 });
  assert.deepEqual(parseEndpoint('*:25'), parseEndpoint(':25'));
  assert.deepEqual(parseEndpoint('[*]:25'), { kind: 'tcp', host: '[*]', family: 6, port: 25 });
  assert.deepEqual(parseEndpoint('[::]:25'), { kind: 'tcp', host: '::', family: 6, port: 25 });
  assert.deepEqual(parseEndpoint('127.0.0.1:25'), { kind: 'tcp', host: '127.0.0.1', family: 4, port: 25 });
  assert.deepEqual(parseEndpoint('/tmp/2025'), { kind: 'unix', path: '/tmp/2025' });
});

test('V6-02 V6-04 LSN-02 all spellings of one socket have one text', () => {
  const text = (from: string): string | undefined => {
    const endpoint = parseEndpoint(from);
    return endpoint === undefined ? undefined : formatEndpoint(endpoint);
  };
  assert.equal(text('[::192.168.0.1]:25'), text('[::C0A8:1]:25'));
  assert.equal(text('[0:0:0:0:0:0:0:0]:25'), text('[*]:25'));
  assert.equal(text(':25'), '*:25');
  assert.equal(text('[2001:DB8:0:0:1::1]:587'), '[2001:db8::1:0:0:1]:587');
  assert.equal(text('10.0.0.1:0'), '10.0.0.1:0');
  assert.equal(text('/tmp/2025'), '/tmp/2025');
});

test('LSN-03 V6-01 an IPv6 Listen address needs brackets, an IPv4 one has none', () => {
  for (const text of ['::1:25', 'fd00::1:25', '[10.0.0.1]:25', '[fd00::1]', '[::1%lo]:25'])
    assert.equal(parseEndpoint(text), undefined, text);
});

test('a Listen address that is a name, has no port or a port out of range is refused', () => {
  for (const text of [
    '',
    '25',
    'localhost:25',
    '10.0.0.1',
    '10.0.0.1:',
    '10.0.0.1:65536',
    '10.0.0.1:025000',
    '10.0.0.010:25',
    '1.2:25',
    '*:smtp',
    '[*:25',
    '*]:25',
    '**:25',
    'tmp/2025',
    '/a\0b',
  ])
    assert.equal(parseEndpoint(text), undefined, text);
});

test('LSN-03 OUT-21 a Gateway is a host, an IPv4 address or a bracketed IPv6 address, with or without a port', () => {
  assert.deepEqual(parseHostPort('Relay.Example.COM'), { host: 'relay.example.com', kind: 'name', port: undefined });
  assert.deepEqual(parseHostPort('relay.example.com:2525'), { host: 'relay.example.com', kind: 'name', port: 2525 });
  assert.deepEqual(parseHostPort('10.0.0.1:25'), { host: '10.0.0.1', kind: 'ip', port: 25 });
  assert.deepEqual(parseHostPort('[fd00::1]:587'), { host: 'fd00::1', kind: 'ip', port: 587 });
  assert.deepEqual(parseHostPort('[FD00::0001]'), { host: 'fd00::1', kind: 'ip', port: undefined });
  assert.deepEqual(parseHostPort('[IPv6:fd00::1]'), { host: 'fd00::1', kind: 'ip', port: undefined });
  assert.deepEqual(parseHostPort('bücher.example'), { host: 'xn--bcher-kva.example', kind: 'name', port: undefined });
});

test('a Gateway that could be read in two ways, or in none, is refused', () => {
  for (const text of [
    '',
    ':25',
    'fd00::1',
    '::1:25',
    '10.0.0.256',
    '1.2',
    '0x7f.1',
    '0x7f000001',
    'a b',
    'relay:0',
    'relay:65536',
    '-a.example',
    'a..b',
    '[relay]:25',
    'relay:25:25',
  ])
    assert.equal(parseHostPort(text), undefined, text);
});
