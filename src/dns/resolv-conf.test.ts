// Proves the resolver file: the usual forms, the manual's additions and ours, and that nothing in it can break the start.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseNameServer, parseResolvConf } from '#dns';

test('OUT-30 name servers, search list, options and comments are read', () => {
  const conf = parseResolvConf(`# made by hand
nameserver 192.0.2.53   ; the first
nameserver 2001:DB8::53
domain old.example
search a.example b.example
sortlist 10.0.0.0/8
options ndots:3 timeout:7 attempts:4 rotate edns0
`);
  assert.deepEqual(conf.servers, [
    { ip: '192.0.2.53', port: 53 },
    { ip: '2001:db8::53', port: 53 },
  ]);
  assert.deepEqual(conf.search, ['a.example', 'b.example']);
  assert.deepEqual([conf.ndots, conf.timeout, conf.attempts, conf.lookup], [3, 7, 4, 'bf']);
  assert.deepEqual(conf.problems, []);
});

test('OUT-30 retrans and retry are other names of timeout and attempts, and lookup has two orders', () => {
  const conf = parseResolvConf('options retrans:3 retry:5\nlookup fb\n');
  assert.deepEqual([conf.timeout, conf.attempts, conf.lookup], [3, 5, 'fb']);
  assert.equal(parseResolvConf('lookup file bind').lookup, 'fb');
  assert.equal(parseResolvConf('lookup b').lookup, 'b');
});

test('a name server may have a port, IPv6 then in brackets', () => {
  assert.deepEqual(parseNameServer('[127.0.0.1]:5353'), { ip: '127.0.0.1', port: 5353 });
  assert.deepEqual(parseNameServer('127.0.0.1:5353'), { ip: '127.0.0.1', port: 5353 });
  assert.deepEqual(parseNameServer('[::1]:5353'), { ip: '::1', port: 5353 });
  assert.deepEqual(parseNameServer('[::1]'), { ip: '::1', port: 53 });
  for (const text of ['', 'ns.example', '127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:', '[::1]:x', '127.1', 'fe80::1%eth0', '::1:53:'])
    assert.equal(parseNameServer(text), undefined, text);
});

test('OUT-30 without a name server it is the one on this machine', () => {
  assert.deepEqual(parseResolvConf('').servers, [{ ip: '127.0.0.1', port: 53 }]);
});

test('numbers out of range become the nearest legal ones, and what cannot be used is a problem with its line', () => {
  const conf = parseResolvConf('options timeout:0 attempts:999 ndots:99\nnameserver nonsense\nlookup xyz\nbananas 3\noptions unheard:1\n');
  assert.deepEqual([conf.timeout, conf.attempts, conf.ndots], [1, 5, 15]);
  assert.deepEqual(
    conf.problems.map((p) => p.line),
    [2, 3, 4, 5],
  );
  assert.match(conf.problems[0]?.message ?? '', /"nonsense" is no name server/);
});

test('more than eight name servers are not used, and that is told', () => {
  const conf = parseResolvConf(Array.from({ length: 12 }, (_, i) => `nameserver 192.0.2.${i}`).join('\n'));
  assert.equal(conf.servers.length, 8);
  assert.equal(conf.problems.length, 4);
});

test('any text gives a usable configuration', () => {
  const word = fc.constantFrom(
    'nameserver',
    'options',
    'lookup',
    'search',
    'bf',
    'timeout:',
    '9',
    '127.0.0.1',
    ' ',
    '\n',
    '#',
    ':',
    '[',
    ']',
    '\t',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((l) => l.join('')),
      ),
      (text) => {
        const conf = parseResolvConf(text);
        assert.ok(conf.servers.length >= 1 && conf.servers.length <= 8);
        assert.ok(conf.timeout >= 1 && conf.timeout <= 30 && conf.attempts >= 1 && conf.attempts <= 5);
      },
    ),
  );
});
