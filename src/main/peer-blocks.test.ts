/* Peer blocks by the thousand, and one address in every spelling.
 * The one rule: what is found is compared with a search that looks at every block. How long it takes is measured in bench/peer-blocks.ts; a
 * server with a hundred thousand is in test/scenarios/receiving-peers.test.ts.
 * Facts: LSN-05, FB-07, CFG-10, V6-01, V6-02. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { cidrContains, parseCidr, parseIp, type Cidr } from '#base';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { resolverOf } from './site.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

const idle = (resolver: Resolver, ip: string, listen = ':25'): number =>
  resolver.listening({ listener: 'esmtp_listener', listen, ip: parseIp(ip) }).idleTime;

test('LSN-05 of 10,000 Peer blocks of every length, IPv4 and IPv6, the most specific one around an address is found', () => {
  // A fixed sequence: the same blocks and addresses in every run.
  let state = 42;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const v4 = (): string => `10.${random(32)}.${random(256)}.${random(256)}`;
  const v6 = (): string => `2001:db8:${random(16).toString(16)}:${random(65_536).toString(16)}::${random(65_536).toString(16)}`;
  const blocks = new Map<string, { cidr: Cidr; value: number }>();
  while (blocks.size < 10_000) {
    const cidr = parseCidr(random(3) > 0 ? `${v4()}/${8 + random(25)}` : `${v6()}/${32 + random(97)}`)!;
    const masked = `${cidr.ip.text}/${cidr.bits}`;
    blocks.set(masked, { cidr, value: blocks.size + 1 });
  }
  const text = [...blocks].map(([network, { value }]) => `Peer "${network}" { Idle_Time = ${value} }`).join('\n');
  const resolver = of(`ESMTP_Listener {\n${text}\nListen ":25" { }\n}`);
  const list = [...blocks.values()];
  for (let i = 0; i < 300; i++) {
    const ip = i % 3 === 0 ? v6() : v4();
    const parsed = parseIp(ip)!;
    let bits = -1;
    let value = 0;
    // Of blocks that are one network in two spellings the last counts, as in a file.
    for (const { cidr, value: own } of list) {
      if (cidr.bits < bits || !cidrContains(cidr, parsed)) continue;
      bits = cidr.bits;
      value = own;
    }
    assert.equal(idle(resolver, ip), value, ip);
  }
});

test('V6-02 V6-01 CFG-10 LSN-03 the nine spellings of one address are one Peer and match a client however it is written', () => {
  const spellings = [
    '2001:db8:0:0:1:0:0:1',
    '2001:DB8:0:0:1:0:0:1',
    '2001:0DB8:0:0:1:0:0:1',
    '2001:db8::1:0:0:1',
    '2001:db8::0:1:0:0:1',
    '2001:0db8::1:0:0:1',
    '2001:db8:0:0:1::1',
    '2001:db8:0000:0:1::1',
    '2001:DB8:0:0:1::1',
  ];
  for (const [i, written] of spellings.entries()) {
    for (const form of [written, `${written}/128`]) {
      const resolver = of(`ESMTP_Listener { Peer "${form}" { Idle_Time = ${i + 1} } Listen ":25" { } }`);
      for (const asked of spellings) assert.equal(idle(resolver, asked), i + 1, `${form} asked as ${asked}`);
      assert.equal(idle(resolver, '2001:db8::1:0:0:2'), 0);
    }
  }
  // In one file they are one scope: what comes later adds to it or replaces it.
  const whole = spellings.map((spelling, i) => `Peer "${spelling}" { Idle_Time = ${i + 1} }`).join('\n');
  assert.equal(idle(of(`ESMTP_Listener { ${whole} Listen ":25" { } }`), spellings[3]!), 9);
});
