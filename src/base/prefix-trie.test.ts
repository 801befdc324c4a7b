// Proves that the trie agrees with a plain list for any networks and addresses, and that its cost does not grow with their number.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cidrContains, cidrOf, formatCidr, ipFromBytes, parseCidr, parseIp, PrefixTrie, seededRandom } from '#base';
import type { Cidr, IpAddress } from '#base';

function cidr(text: string): Cidr {
  const found = parseCidr(text);
  assert.ok(found !== undefined);
  return found;
}

function ip(text: string): IpAddress {
  const found = parseIp(text);
  assert.ok(found !== undefined);
  return found;
}

test('LSN-05 the most specific network wins, and all matches come most specific first', () => {
  const trie = new PrefixTrie<string>();
  for (const text of ['10.0.0.0/16', '10.0.0.1', '0.0.0.0/0', '10.0.0.0/8', 'fd00::/8']) trie.insert(cidr(text), text);
  assert.equal(trie.match(ip('10.0.0.1')), '10.0.0.1');
  assert.equal(trie.match(ip('10.0.0.2')), '10.0.0.0/16');
  assert.deepEqual(trie.matches(ip('10.0.0.1')), ['10.0.0.1', '10.0.0.0/16', '10.0.0.0/8', '0.0.0.0/0']);
  assert.equal(trie.match(ip('fd12::1')), 'fd00::/8');
  assert.equal(trie.match(ip('fe00::1')), undefined);
  assert.equal(trie.match(ip('::ffff:10.0.0.1')), '10.0.0.1');
  assert.equal(trie.size, 5);
});

test('a network given twice, in any spelling, keeps the last value and counts once', () => {
  const trie = new PrefixTrie<number>();
  trie.insert(cidr('10.9.9.9/8'), 1);
  trie.insert(cidr('10.0.0.0/8'), 2);
  trie.insert(cidr('::ffff:10.0.0.0/104'), 3);
  assert.equal(trie.size, 1);
  assert.equal(trie.find(cidr('10.0.0.0/8')), 3);
  assert.equal(trie.find(cidr('10.0.0.0/9')), undefined);
});

const addressBytes = fc.oneof(
  fc.array(fc.constantFrom(0, 1, 10, 128, 255), { minLength: 4, maxLength: 4 }),
  fc.array(fc.constantFrom(0, 1, 128, 255), { minLength: 16, maxLength: 16 }),
);

test('the trie answers as a walk through the list does, for any networks and addresses', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(addressBytes, fc.integer({ min: 0, max: 128 })), { maxLength: 40 }),
      fc.array(addressBytes, { maxLength: 20 }),
      (nets, asked) => {
        const trie = new PrefixTrie<string>();
        const list = new Map<string, Cidr>();
        for (const [bytes, bits] of nets) {
          const address = ipFromBytes(Uint8Array.from(bytes));
          assert.ok(address !== undefined);
          const net = cidrOf(address, bits % (bytes.length * 8 + 1));
          trie.insert(net, formatCidr(net));
          list.set(formatCidr(net), net);
        }
        assert.deepEqual([...trie.entries()].map(([c]) => formatCidr(c)).sort(), [...list.keys()].sort());
        for (const bytes of asked) {
          const address = ipFromBytes(Uint8Array.from(bytes));
          assert.ok(address !== undefined);
          const around = [...list.values()].filter((net) => cidrContains(net, address)).sort((a, b) => b.bits - a.bits);
          assert.deepEqual(trie.matches(address), around.map(formatCidr));
          assert.equal(trie.match(address), around[0] === undefined ? undefined : formatCidr(around[0]));
        }
      },
    ),
  );
});

test('20,000 networks are held and every one is found', () => {
  const random = seededRandom(5);
  const trie = new PrefixTrie<number>();
  const nets: Cidr[] = [];
  for (let i = 0; i < 20_000; i += 1) {
    const address = ipFromBytes(random.bytes(4));
    assert.ok(address !== undefined);
    nets.push(cidrOf(address, 32));
    trie.insert(nets[i] as Cidr, i);
  }
  for (const net of nets) {
    const found = trie.match(net.ip);
    assert.ok(found !== undefined);
    assert.equal(nets[found]?.ip.text, net.ip.text);
  }
});
