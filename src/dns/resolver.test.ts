// Proves the cache, the failover and the defences of the resolver, against a real name server on loopback that can misbehave.

import { test } from 'node:test';
import type { TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { ManualClock, seededRandom, systemClock, TimerWheel } from '#base';
import { HostTable, Resolver, resolverLimits } from '#dns';
import type { DnsAnswer, DnsTransport, RecordType, ResolverOptions } from '#dns';
import { startDnsServer } from '../../test/kit/dns-server.ts';
import type { DnsServer } from '../../test/kit/dns-server.ts';

interface Setting {
  resolver: Resolver;
  clock: ManualClock;
  wheel: TimerWheel;
  ask(name: string, type?: RecordType): Promise<DnsAnswer>;
  /** Asks, and lets each wait of the resolver run out as soon as nothing else happens. */
  askImpatiently(name: string, type?: RecordType): Promise<DnsAnswer>;
}

function settingFor(t: TestContext, servers: readonly DnsServer[], o: Partial<ResolverOptions> = {}): Setting {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const resolver = new Resolver({
    servers: servers.map((s) => ({ ip: '127.0.0.1', port: s.port })),
    clock,
    wheel,
    random: seededRandom(1),
    ...o,
  });
  t.after(() => resolver.close());
  const ask = async (name: string, type: RecordType = 'A'): Promise<DnsAnswer> =>
    new Promise((resolve) => resolver.query(name, type, resolve));
  const askImpatiently = async (name: string, type: RecordType = 'A'): Promise<DnsAnswer> => {
    let answer: DnsAnswer | undefined;
    resolver.query(name, type, (a) => {
      answer = a;
    });
    for (;;) {
      const before = servers.reduce((sum, s) => sum + s.questions.length, 0) + resolver.counts.asked;
      for (let i = 0; i < 200; i += 1) {
        await turn();
        if (answer !== undefined) return answer;
      }
      const after = servers.reduce((sum, s) => sum + s.questions.length, 0) + resolver.counts.asked;
      if (before === after) {
        clock.advance(resolver.options.timeoutMs ?? 5_000);
        wheel.advance();
      }
    }
  };
  return { resolver, clock, wheel, ask, askImpatiently };
}

const zones = {
  'a.test': { A: ['192.0.2.1', '192.0.2.2'], MX: ['10 mx.a.test'], TXT: ['hello'], ttl: 300 },
  'alias.test': { CNAME: 'middle.test', ttl: 50 },
  'middle.test': { CNAME: 'a.test', ttl: 40 },
  'loop1.test': { CNAME: 'loop2.test' },
  'loop2.test': { CNAME: 'loop1.test' },
  'empty.test': { TXT: ['nothing else'] },
  'dangling.test': { CNAME: 'gone.test' },
  'v6.test': { AAAA: ['2001:db8::1'] },
  '_25._tcp.mx.test': { TLSA: ['3 1 1 00ff'] },
};

test('answers come from the server once and from the cache while they live, with the time that is left', async (t) => {
  const server = await startDnsServer(t, { zones });
  const { resolver, clock, ask } = settingFor(t, [server]);
  const first = await ask('A.Test.');
  assert.ok(first.kind === 'records');
  assert.deepEqual(
    first.records.map((r) => (r.type === 'A' ? r.address : '')),
    ['192.0.2.1', '192.0.2.2'],
  );
  assert.equal(first.ttl, 300);
  clock.advance(100_500);
  let second: DnsAnswer | undefined;
  resolver.query('a.test', 'A', (a) => {
    second = a;
  });
  assert.ok(second?.kind === 'records', 'known answers come before query returns');
  assert.equal(second.ttl, 200);
  clock.advance(199_500);
  await ask('a.test');
  assert.equal(server.questions.length, 2);
  assert.equal(resolver.counts.hits, 1);
});

test('all record types of mail are read, and the word of the server that it verified them', async (t) => {
  const server = await startDnsServer(t, { zones, authenticated: true });
  const { ask } = settingFor(t, [server]);
  const recordOf = async (name: string, type: RecordType): Promise<unknown> => {
    const answer = await ask(name, type);
    assert.ok(answer.kind === 'records' && answer.isAuthenticated);
    return answer.records[0];
  };
  assert.deepEqual(await recordOf('a.test', 'MX'), { name: 'a.test', ttl: 300, type: 'MX', preference: 10, exchange: 'mx.a.test' });
  assert.deepEqual(await recordOf('a.test', 'TXT'), { name: 'a.test', ttl: 300, type: 'TXT', chunks: [Buffer.from('hello')] });
  assert.deepEqual(await recordOf('v6.test', 'AAAA'), { name: 'v6.test', ttl: 300, type: 'AAAA', address: '2001:db8::1' });
  assert.deepEqual(await recordOf('_25._tcp.mx.test', 'TLSA'), {
    name: '_25._tcp.mx.test',
    ttl: 300,
    type: 'TLSA',
    usage: 3,
    selector: 1,
    matching: 1,
    data: Buffer.from('00ff', 'hex'),
  });
});

test('many who ask the same at once cost one question', async (t) => {
  const server = await startDnsServer(t, { zones });
  const { ask } = settingFor(t, [server]);
  const answers = await Promise.all(Array.from({ length: 500 }, async () => ask('a.test')));
  assert.ok(answers.every((a) => a.kind === 'records'));
  assert.equal(server.questions.length, 1);
});

test('aliases are followed within the answer and beyond it, and the shortest life counts', async (t) => {
  const server = await startDnsServer(t, { zones });
  const { ask } = settingFor(t, [server]);
  const answer = await ask('alias.test');
  assert.ok(answer.kind === 'records');
  assert.deepEqual([answer.name, answer.ttl, server.questions.length], ['a.test', 40, 1]);
  const far = await startDnsServer(t, { zones: { 'x.test': { CNAME: 'y.test', ttl: 9 } } });
  far.misbehave = (q) => {
    if (q.name === 'y.test') far.zones.set('y.test', { A: ['192.0.2.9'] });
    return undefined;
  };
  const found = await settingFor(t, [far]).ask('x.test');
  assert.deepEqual(far.asked, ['A x.test', 'A y.test']);
  assert.ok(found.kind === 'records');
  assert.deepEqual([found.name, found.ttl], ['y.test', 9]);
});

test('an alias out of the answer is asked for, and is not found when its name is gone', async (t) => {
  const server = await startDnsServer(t, { zones });
  const { ask } = settingFor(t, [server]);
  const answer = await ask('dangling.test');
  assert.equal(answer.kind, 'nxdomain');
  assert.deepEqual(server.asked, ['A dangling.test', 'A gone.test']);
});

test('TASK-109720 aliases that lead in a circle, or on for too long, are a failure and not a hang', async (t) => {
  const long = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`c${i}.test`, { CNAME: `c${i + 1}.test` }]));
  const server = await startDnsServer(t, { zones: { ...zones, ...long } });
  const { ask } = settingFor(t, [server]);
  for (const name of ['loop1.test', 'c0.test']) {
    const answer = await ask(name);
    assert.ok(answer.kind === 'failed' && answer.failure === 'loop', name);
  }
});

test('"no such name" and "no such record" differ, and are believed as long as the SOA says', async (t) => {
  const server = await startDnsServer(t, { zones, negativeTtl: 20 });
  const { clock, ask } = settingFor(t, [server]);
  assert.deepEqual(await ask('empty.test'), { kind: 'nodata', ttl: 20, isAuthenticated: false });
  assert.deepEqual(await ask('nowhere.test'), { kind: 'nxdomain', ttl: 20, isAuthenticated: false });
  clock.advance(19_000);
  assert.deepEqual(await ask('nowhere.test'), { kind: 'nxdomain', ttl: 1, isAuthenticated: false });
  assert.equal(server.questions.length, 2);
  clock.advance(1_000);
  await ask('nowhere.test');
  assert.equal(server.questions.length, 3);
});

test('a negative answer without an SOA is kept for seconds only, one with an absurd SOA for three hours', async (t) => {
  const bare = settingFor(t, [await startDnsServer(t, { zones, negativeTtl: null })]);
  assert.deepEqual(await bare.ask('nowhere.test'), { kind: 'nxdomain', ttl: 5, isAuthenticated: false });
  const long = settingFor(t, [await startDnsServer(t, { zones, negativeTtl: 3_600_000 })]);
  const answer = await long.ask('nowhere.test');
  assert.ok(answer.kind === 'nxdomain' && answer.ttl === 3_600, 'the life of the SOA record itself');
});

test('a record with a life of 0 is answered and not kept', async (t) => {
  const server = await startDnsServer(t, { zones: { 'z.test': { A: ['192.0.2.1'], ttl: 0 } } });
  const { resolver, ask } = settingFor(t, [server]);
  assert.equal((await ask('z.test')).kind, 'records');
  assert.equal(resolver.cacheSize, 0);
  await ask('z.test');
  assert.equal(server.questions.length, 2);
});

test('a server that is silent, refuses, fails or talks nonsense gives way to the next, and rests', async (t) => {
  for (const how of [
    'drop',
    'refused',
    'servfail',
    'garbage',
    'only-wrong-id',
    'only-wrong-question',
    { packet: Buffer.alloc(3) },
  ] as const) {
    const bad = await startDnsServer(t, { zones, misbehave: () => how });
    const good = await startDnsServer(t, { zones });
    const { resolver, askImpatiently } = settingFor(t, [bad, good]);
    const answer = await askImpatiently('a.test');
    assert.equal(answer.kind, 'records', JSON.stringify(how));
    assert.equal(bad.questions.length, 1);
    assert.equal(resolver.counts.asked, 2);
    const isSilent =
      how === 'drop' || how === 'garbage' || how === 'only-wrong-id' || how === 'only-wrong-question' || typeof how === 'object';
    await askImpatiently('v6.test', 'AAAA');
    assert.equal(bad.questions.length, isSilent ? 1 : 2, `rests after ${JSON.stringify(how)}`);
  }
});

test('a port where nobody listens gives way at once, without waiting', async (t) => {
  const gone = await startDnsServer({ after: () => {} }, { zones });
  await gone.close();
  const good = await startDnsServer(t, { zones });
  const clock = new ManualClock();
  const resolver = new Resolver({
    servers: [
      { ip: '127.0.0.1', port: 1 },
      { ip: '127.0.0.1', port: good.port },
    ],
    clock,
    wheel: new TimerWheel({ clock }),
    random: seededRandom(1),
  });
  t.after(() => resolver.close());
  const answer = await new Promise<DnsAnswer>((resolve) => resolver.query('a.test', 'A', resolve));
  assert.equal(answer.kind, 'records');
});

test('when all servers fail the question fails after its rounds, and the failure is kept for seconds', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: () => 'servfail' });
  const { clock, ask } = settingFor(t, [server], { attempts: 3 });
  const answer = await ask('a.test');
  assert.ok(answer.kind === 'failed' && answer.failure === 'servfail');
  assert.match(answer.reason, /127\.0\.0\.1 answered with error 2/);
  assert.equal(server.questions.length, 3);
  await ask('a.test');
  assert.equal(server.questions.length, 3);
  clock.advance(resolverLimits.failureTtlSeconds * 1000);
  server.misbehave = () => undefined;
  assert.equal((await ask('a.test')).kind, 'records');
});

test('silence ends as a timeout after every server had every round', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: () => 'drop' });
  const { askImpatiently, clock } = settingFor(t, [server], { attempts: 2, timeoutMs: 3_000 });
  const start = clock.mono();
  const answer = await askImpatiently('a.test');
  assert.ok(answer.kind === 'failed' && answer.failure === 'timeout');
  assert.equal(server.questions.length, 2);
  assert.ok(clock.mono() - start >= 6_000);
});

test('forged answers, with another id or another question, are ignored and the right one is waited for', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: () => 'wrong-id' });
  const { ask } = settingFor(t, [server]);
  const answer = await ask('a.test');
  assert.ok(answer.kind === 'records' && answer.records.length === 2);
  server.misbehave = () => 'twice';
  assert.equal((await ask('v6.test', 'AAAA')).kind, 'records');
  server.misbehave = () => undefined;
  assert.equal((await ask('a.test', 'MX')).kind, 'records');
});

test('ids and local ports change from question to question', async (t) => {
  const server = await startDnsServer(t, { zones });
  const { ask } = settingFor(t, [server]);
  for (let batch = 0; batch < 40; batch += 1) {
    await Promise.all(Array.from({ length: 50 }, async (_, i) => ask(`n${batch * 50 + i}.test`)));
  }
  assert.equal(server.questions.length, 2_000);
  const ids = new Set(server.questions.map((q) => q.id));
  assert.ok(ids.size > 1_900, `${ids.size} ids`);
  const ports = new Set(server.questions.map((q) => q.fromPort));
  assert.ok(ports.size >= 5, `${ports.size} ports`);
});

test('a truncated answer, cut or empty, is asked again over TCP', async (t) => {
  const many = Array.from({ length: 100 }, (_, i) => `192.0.2.${i + 1}`);
  const server = await startDnsServer(t, { zones: { 'big.test': { A: many } } });
  const { ask } = settingFor(t, [server]);
  const answer = await ask('big.test');
  assert.ok(answer.kind === 'records' && answer.records.length === 100);
  assert.deepEqual(
    server.questions.map((q) => q.protocol),
    ['udp', 'tcp'],
  );
  for (const how of ['truncate', 'cut'] as const) {
    const other = await startDnsServer(t, { zones, misbehave: (q) => (q.protocol === 'udp' ? how : undefined) });
    const found = await settingFor(t, [other]).ask('a.test');
    assert.ok(found.kind === 'records' && found.records.length === 2, how);
  }
});

test('a server that breaks off, lies or truncates over TCP too gives way to the next', async (t) => {
  for (const tcp of ['close', 'garbage', 'truncate', 'only-wrong-id', 'drop'] as const) {
    const bad = await startDnsServer(t, { zones, misbehave: (q) => (q.protocol === 'udp' ? 'truncate' : tcp) });
    const good = await startDnsServer(t, { zones });
    const { askImpatiently } = settingFor(t, [bad, good]);
    assert.equal((await askImpatiently('a.test')).kind, 'records', tcp);
    assert.equal(good.questions.length, 1);
  }
});

test('without the fallback to TCP what arrived must do', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: () => 'truncate' });
  const { ask } = settingFor(t, [server], { fallbackToTcp: false, attempts: 1 });
  const answer = await ask('a.test');
  assert.ok(answer.kind === 'failed' && /truncated/.test(answer.reason));
  assert.ok(server.questions.every((q) => q.protocol === 'udp'));
});

test('a server that does not know EDNS is asked without it from then on', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: (q) => (q.edns ? 'formerr' : undefined) });
  const { ask } = settingFor(t, [server]);
  assert.equal((await ask('a.test')).kind, 'records');
  assert.equal((await ask('a.test', 'MX')).kind, 'records');
  assert.deepEqual(
    server.questions.map((q) => q.edns),
    [true, false, false],
  );
});

test('OUT-30 the hosts file answers after or before the DNS, or alone, and localhost never needs a server', async (t) => {
  const server = await startDnsServer(t, { zones });
  const hosts = new HostTable('127.0.0.1 localhost\n10.9.8.7 a.test inside # comment\nfd00::1 inside');
  const first = async (lookup: 'b' | 'f' | 'bf' | 'fb', name: string, type: RecordType = 'A'): Promise<string> => {
    const answer = await settingFor(t, [server], { hosts, lookup }).ask(name, type);
    const record = answer.kind === 'records' ? answer.records[0] : undefined;
    return record !== undefined && 'address' in record ? record.address : answer.kind;
  };
  assert.equal(await first('bf', 'a.test'), '192.0.2.1');
  assert.equal(await first('fb', 'a.test'), '10.9.8.7');
  assert.equal(await first('bf', 'inside'), '10.9.8.7');
  assert.equal(await first('bf', 'inside', 'AAAA'), 'fd00::1');
  assert.equal(await first('b', 'inside'), 'nxdomain');
  assert.equal(await first('f', 'a.test'), '10.9.8.7');
  assert.equal(await first('f', 'v6.test', 'AAAA'), 'nxdomain');
  const asked = server.questions.length;
  assert.equal(await first('b', 'localhost'), '127.0.0.1');
  assert.equal(await first('b', 'x.localhost', 'AAAA'), '::1');
  assert.equal(server.questions.length, asked);
});

test('a text that is no name is answered without a question', async (t) => {
  const server = await startDnsServer(t, { zones });
  const { ask } = settingFor(t, [server]);
  for (const name of ['', '.', 'a..test', `${'a'.repeat(64)}.test`, 'a b.test', 'x\r\ny.test'])
    assert.equal((await ask(name)).kind, 'nxdomain', name);
  assert.equal(server.questions.length, 0);
});

test('the cache keeps its bound, and large answers are used without being kept', async (t) => {
  const chunks = Array.from({ length: 60 }, (_, i) => `${i} ${'x'.repeat(200)}`);
  const server = await startDnsServer(t, { zones: { ...zones, 'huge.test': { TXT: chunks } } });
  const { resolver, ask } = settingFor(t, [server], { cacheEntries: 10 });
  for (let i = 0; i < 50; i += 1) await ask(`n${i}.test`);
  assert.equal(resolver.cacheSize, 10);
  const answer = await ask('huge.test', 'TXT');
  assert.ok(answer.kind === 'records' && answer.records.length === 60);
  const before = server.questions.length;
  await ask('huge.test', 'TXT');
  assert.ok(server.questions.length > before);
});

test('beyond the questions in flight others wait, beyond the waiting ones the answer is busy, and all end', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  let sent = 0;
  const deaf: DnsTransport = {
    datagrams: () => ({ send: () => (sent += 1), close: () => {} }),
    stream: () => ({ close: () => {} }),
  };
  const resolver = new Resolver({
    servers: [{ ip: '192.0.2.1', port: 53 }],
    clock,
    wheel,
    random: seededRandom(1),
    transport: deaf,
    attempts: 1,
    // Before any of them counts as slow.
    timeoutMs: 300,
  });
  const ends = new Map<string, number>();
  for (let i = 0; i < resolverLimits.inFlight + resolverLimits.waiting + 5; i += 1) {
    resolver.query(`m${i}.test`, 'A', (answer) => {
      const end = answer.kind === 'failed' ? answer.failure : answer.kind;
      ends.set(end, (ends.get(end) ?? 0) + 1);
    });
  }
  assert.equal(sent, resolverLimits.inFlight);
  assert.deepEqual([...ends], [['busy', 5]]);
  while (wheel.size > 0) {
    clock.advance(5_000);
    wheel.advance();
  }
  assert.equal(ends.get('timeout'), resolverLimits.inFlight + resolverLimits.waiting);
  assert.equal(sent, resolverLimits.inFlight + resolverLimits.waiting);
});

test('owners that never answer delay nobody else: a question that is not answered soon gives its place to one that waits', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const asked: string[] = [];
  const deaf: DnsTransport = {
    datagrams: () => ({ send: (packet) => asked.push(packet.toString('latin1')), close: () => {} }),
    stream: () => ({ close: () => {} }),
  };
  const servers = [{ ip: '192.0.2.1', port: 53 }];
  const resolver = new Resolver({ servers, clock, wheel, random: seededRandom(1), transport: deaf, timeoutMs: 5_000 });
  let ended = 0;
  for (let i = 0; i < resolverLimits.inFlight * 3; i += 1) resolver.query(`dead${i}.test`, 'MX', () => (ended += 1));
  resolver.query('alive.test', 'MX', () => (ended += 1));
  assert.equal(resolver.stats.waiting, resolverLimits.inFlight * 2 + 1);
  for (let waits = 0; waits < 3; waits += 1) {
    assert.ok(!asked.some((packet) => packet.includes('alive')));
    clock.advance(resolverLimits.soonMs + 20);
    wheel.advance();
  }
  assert.ok(asked.some((packet) => packet.includes('alive')));
  assert.deepEqual([ended, resolver.stats.waiting, resolver.stats.inFlight], [0, 0, resolverLimits.inFlight * 3 + 1]);
  resolver.close();
});

test('beyond the slow questions that there is room for, others keep their places, and every place is given back', () => {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  let sent = 0;
  const deaf: DnsTransport = {
    datagrams: () => ({ send: () => (sent += 1), close: () => {} }),
    stream: () => ({ close: () => {} }),
  };
  const servers = [{ ip: '192.0.2.1', port: 53 }];
  const resolver = new Resolver({ servers, clock, wheel, random: seededRandom(1), transport: deaf, attempts: 1, timeoutMs: 30_000 });
  const all = resolverLimits.inFlight + resolverLimits.slow + 1_000;
  let ended = 0;
  for (let i = 0; i < all; i += 1) resolver.query(`m${i}.test`, 'A', () => (ended += 1));
  for (let i = 0; i < 30; i += 1) {
    clock.advance(resolverLimits.soonMs);
    wheel.advance();
  }
  assert.equal(sent, resolverLimits.inFlight + resolverLimits.slow);
  assert.equal(resolver.stats.waiting, 1_000);
  while (wheel.size > 0) {
    clock.advance(5_000);
    wheel.advance();
  }
  assert.equal(ended, all);
  assert.deepEqual([resolver.stats.inFlight, resolver.stats.waiting], [0, 0]);
});

test('forgetMail forgets a domain, its mail hosts, where their aliases lead, and the TLSA records of all of them', async (t) => {
  const record = `3 1 1 ${'ab'.repeat(32)}`;
  const server = await startDnsServer(t, {
    zones: {
      'd.test': { MX: ['10 MX.d.test'] },
      'mx.d.test': { CNAME: 'end.test' },
      'end.test': { A: ['192.0.2.1'] },
      '_25._tcp.end.test': { TLSA: [record] },
      '_25._tcp.mx.d.test': { TLSA: [record] },
      '_25._tcp.other.test': { TLSA: [record] },
    },
  });
  const { resolver, ask } = settingFor(t, [server]);
  const asked: [string, RecordType][] = [
    ['d.test', 'MX'],
    ['mx.d.test', 'A'],
    ['end.test', 'A'],
    ['_25._tcp.end.test', 'TLSA'],
    ['_25._tcp.mx.d.test', 'TLSA'],
    ['_25._tcp.other.test', 'TLSA'],
  ];
  for (const [name, type] of asked) assert.equal((await ask(name, type)).kind, 'records');
  resolver.forgetMail('D.test', 25);
  const kept = asked.filter(([name, type]) => resolver.known(name, type) !== undefined);
  assert.deepEqual(kept, [['_25._tcp.other.test', 'TLSA']]);
});

test('with new servers the questions in flight go there, and the cache starts anew', async (t) => {
  const silent = await startDnsServer(t, { zones, misbehave: () => 'drop' });
  const good = await startDnsServer(t, { zones });
  const { resolver, ask } = settingFor(t, [silent]);
  const asking = ask('a.test');
  resolver.reconfigure({ servers: [{ ip: '127.0.0.1', port: good.port }] });
  assert.equal((await asking).kind, 'records');
  resolver.forget('A.test');
  await ask('a.test');
  assert.equal(good.questions.length, 2);
});

test('after close every question that waits, and every later one, fails as closed', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: () => 'drop' });
  const { resolver, ask } = settingFor(t, [server]);
  const waiting = ask('a.test');
  resolver.close();
  for (const answer of [await waiting, await ask('b.test')]) assert.ok(answer.kind === 'failed' && answer.failure === 'closed');
});

test('without servers the answer is a failure that says so', async (t) => {
  const answer = await settingFor(t, []).ask('a.test');
  assert.ok(answer.kind === 'failed' && answer.failure === 'no_servers');
});

test('whatever packets come back, however mutated, every question ends once and nothing throws', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (seed, extras) => {
      const random = seededRandom(seed);
      const clock = new ManualClock();
      const wheel = new TimerWheel({ clock });
      const mutate = (query: Buffer): Buffer => {
        const answer = Buffer.concat([query, ...extras]);
        answer[2] = 0x80 | (random.int(4) === 0 ? 2 : 0);
        for (let n = random.int(4); n > 0; n -= 1) answer[random.int(answer.length)] = random.int(256);
        return answer;
      };
      const transport: DnsTransport = {
        datagrams: (_server, ears) => ({
          send: (packet) => {
            for (let n = random.int(3); n > 0; n -= 1) {
              const answer = mutate(packet);
              wheel.schedule(random.int(100), () => ears.heard(answer));
            }
            if (random.int(20) === 0) wheel.schedule(50, () => ears.failed('cut off'));
          },
          close: () => {},
        }),
        stream: (_server, packet, done) => {
          const id = wheel.schedule(random.int(100), () => done(random.int(2) === 0 ? mutate(packet) : undefined, 'broken'));
          return { close: () => void wheel.cancel(id) };
        },
      };
      const servers = [1, 2].map((n) => ({ ip: `192.0.2.${n}`, port: 53 }));
      const resolver = new Resolver({ servers, clock, wheel, random, transport });
      let ended = 0;
      for (let i = 0; i < 20; i += 1) resolver.query(`n${i}.test`, 'MX', () => (ended += 1));
      for (let i = 0; i < 500; i += 1) {
        clock.advance(100);
        wheel.advance();
      }
      assert.equal(ended, 20);
      assert.equal(wheel.size, 0);
    }),
    { numRuns: 60 },
  );
});

test('real time: a question through the system clock and its driver is answered', async (t) => {
  const server = await startDnsServer(t, { zones, misbehave: () => ({ delayMs: 5 }) });
  const wheel = new TimerWheel({ clock: systemClock });
  wheel.start();
  const { ask } = settingFor(t, [server], { clock: systemClock, wheel });
  assert.equal((await ask('a.test')).kind, 'records');
  wheel.stop();
});

test('A57 names made of local parts are asked where the caller wants it, and only what fits into a packet', async (t) => {
  const server = await startDnsServer(t, { zones: { 'a+b=c.x.test': { A: ['192.0.2.1'] } } });
  const { resolver } = settingFor(t, [server]);
  const ask = (name: string, isAnyText: boolean): Promise<DnsAnswer> =>
    new Promise((resolve) => resolver.query(name, 'A', resolve, { isAnyText }));
  assert.equal((await ask('a+b=c.x.test', false)).kind, 'nxdomain');
  assert.equal((await ask('A+b=c.x.test', true)).kind, 'records');
  for (const name of ['a..x.test', `${'l'.repeat(64)}.x+.test`, 'caf\u00e9+.x.test', `${'a+.'.repeat(90)}test`])
    assert.equal((await ask(name, true)).kind, 'nxdomain', name);
  assert.deepEqual(server.asked, ['A a+b=c.x.test']);
});

test('A46: name servers say whether they verify DNSSEC when they are asked to, each for itself and past the cache', async (t) => {
  const verifying = await startDnsServer(t, { zones, authenticated: true });
  const plain = await startDnsServer(t, { zones });
  const sick = await startDnsServer(t, { zones, misbehave: () => 'servfail' });
  const { resolver, ask } = settingFor(t, [verifying, plain, sick], { asksForProof: true });
  const found = await new Promise<unknown>((done) => resolver.provers('a.test', (servers) => done(servers.map((s) => s.verifies).sort())));
  assert.deepEqual(found, ['no', 'silent', 'yes']);
  const first = await ask('a.test');
  assert.equal(first.kind === 'records' && first.isAuthenticated, true);
  assert.equal(
    verifying.questions.every(({ asksForProof }) => asksForProof),
    true,
  );
});
