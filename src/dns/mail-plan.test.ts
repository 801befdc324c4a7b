// Proves where mail for a domain goes, for every shape of answer, and that failures are told apart from "no".

import { test } from 'node:test';
import type { TestContext } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ManualClock, seededRandom, TimerWheel } from '#base';
import { HostTable, mailPlanLimits, Resolver } from '#dns';
import type { MailPlan, ResolverOptions } from '#dns';
import { startDnsServer } from '../../test/kit/dns-server.ts';
import type { DnsQuestion, Misbehaviour, Zones } from '../../test/kit/dns-server.ts';

type Plan = (domain: string, o?: { useIpv6?: boolean; addressOnly?: boolean }) => Promise<MailPlan>;

async function planner(
  t: TestContext,
  zones: Zones,
  o: Partial<ResolverOptions> & { misbehave?: (q: DnsQuestion) => Misbehaviour | undefined } = {},
): Promise<Plan> {
  const { misbehave, ...options } = o;
  const server = await startDnsServer(t, { zones, ...(misbehave === undefined ? {} : { misbehave }) });
  const clock = new ManualClock();
  const resolver = new Resolver({
    servers: [{ ip: '127.0.0.1', port: server.port }],
    clock,
    wheel: new TimerWheel({ clock }),
    random: seededRandom(1),
    attempts: 1,
    ...options,
  });
  t.after(() => resolver.close());
  return async (domain, p = {}) => {
    const { addressOnly = false, ...rest } = p;
    return new Promise((resolve) =>
      addressOnly ? resolver.addressHosts(domain, resolve, rest) : resolver.mailHosts(domain, resolve, rest),
    );
  };
}

/** A plan in one line: "10 mx1=192.0.2.1,192.0.2.2 20 mx2=..." or its kind. */
function line(plan: MailPlan): string {
  if (plan.kind !== 'hosts') return plan.kind;
  return plan.hosts.map((h) => `${h.preference} ${h.name}=${[...h.addresses].sort().join(',')}`).join(' ');
}

const zones: Zones = {
  'two.test': { MX: ['20 b.mx.test', '10 a.mx.test'], ttl: 500 },
  'a.mx.test': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'], ttl: 70 },
  'b.mx.test': { A: ['192.0.2.2', '192.0.2.3'], ttl: 200 },
  'v6only.test': { MX: ['10 v6.mx.test'] },
  'v6.mx.test': { AAAA: ['2001:DB8::6'] },
  'plain.test': { A: ['192.0.2.9'] },
  'null.test': { MX: ['0 .'] },
  'halfnull.test': { MX: ['0 .', '10 a.mx.test'] },
  'nothing.test': { TXT: ['x'] },
  'literal.test': { MX: ['10 192.0.2.77'] },
  'mixed.test': { MX: ['5 192.0.2.77', '10 a.mx.test'] },
  'gone.test': { MX: ['10 no.such.test', '20 empty.mx.test'], A: ['192.0.2.66'] },
  'empty.mx.test': { TXT: ['x'] },
  'alias.test': { CNAME: 'two.test', ttl: 60 },
  'cnamed.test': { MX: ['10 c.mx.test'] },
  'c.mx.test': { CNAME: 'b.mx.test' },
  'same.test': { MX: ['10 a.mx.test', '10 b.mx.test', '5 b.mx.test'] },
  'equal.test': { MX: Array.from({ length: 6 }, (_, i) => `10 e${i}.test`) },
  ...Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`e${i}.test`, { A: [`198.51.100.${i}`] }])),
};

test('OUT-20 hosts come by preference, each with its addresses, and the shortest life of all parts counts', async (t) => {
  const plan = await (await planner(t, zones))('Two.Test');
  assert.equal(line(plan), '10 a.mx.test=192.0.2.1 20 b.mx.test=192.0.2.2,192.0.2.3');
  assert.ok(plan.kind === 'hosts');
  assert.deepEqual([plan.ttl, plan.origin, plan.hosts.map((h) => h.ttl)], [70, 'mx', [70, 200]]);
});

test('OUT-29 AAAA counts only with use_ipv6, then comes before A', async (t) => {
  const plan = await planner(t, zones);
  assert.equal((await plan('v6only.test')).kind, 'none');
  assert.equal(line(await plan('v6only.test', { useIpv6: true })), '10 v6.mx.test=2001:db8::6');
  const both = await plan('two.test', { useIpv6: true });
  assert.ok(both.kind === 'hosts');
  assert.deepEqual(both.hosts[0]?.addresses, ['2001:db8::1', '192.0.2.1']);
});

test('OUT-25 a domain without MX records is its own host, one without anything has none', async (t) => {
  const plan = await planner(t, zones);
  assert.equal(line(await plan('plain.test')), '0 plain.test=192.0.2.9');
  const nothing = await plan('nothing.test');
  assert.ok(nothing.kind === 'none' && /neither mail exchangers nor addresses/.test(nothing.reason));
  const nowhere = await plan('nowhere.example');
  assert.ok(nowhere.kind === 'none' && /no domain nowhere\.example/.test(nowhere.reason));
});

test('OUT-25 MX 0 . means no mail at all; beside real exchangers the dot counts for nothing', async (t) => {
  const plan = await planner(t, zones);
  assert.deepEqual(await plan('null.test'), { kind: 'null-mx', ttl: 300 });
  assert.equal(line(await plan('halfnull.test')), '10 a.mx.test=192.0.2.1');
});

test('OUT-31 an MX that is an address is no host; it is reported, and alone it is a bad MX', async (t) => {
  const plan = await planner(t, zones);
  const bad = await plan('literal.test');
  assert.ok(bad.kind === 'none');
  assert.match(bad.reason, /bad MX/);
  assert.deepEqual(bad.literalExchanges, ['192.0.2.77']);
  const mixed = await plan('mixed.test');
  assert.equal(line(mixed), '10 a.mx.test=192.0.2.1');
  assert.ok(mixed.kind === 'hosts');
  assert.deepEqual(mixed.literalExchanges, ['192.0.2.77']);
});

test('OUT-25 when no exchanger has an address the domain has none: its own address does not count', async (t) => {
  const plan = await (await planner(t, zones))('gone.test');
  assert.ok(plan.kind === 'none' && /no mail exchanger of gone\.test has an address/.test(plan.reason));
});

test('EOP-92 TASK-109720 aliases are tolerated: a domain that is one, and an exchanger that is one', async (t) => {
  const plan = await planner(t, zones);
  assert.equal(line(await plan('alias.test')), '10 a.mx.test=192.0.2.1 20 b.mx.test=192.0.2.2,192.0.2.3');
  assert.equal(line(await plan('cnamed.test')), '10 c.mx.test=192.0.2.2,192.0.2.3');
});

test('a host listed twice counts once, at its best preference', async (t) => {
  assert.equal(line(await (await planner(t, zones))('same.test')), '5 b.mx.test=192.0.2.2,192.0.2.3 10 a.mx.test=192.0.2.1');
});

test('OUT-22 hosts of equal preference come in another order from plan to plan, all of them', async (t) => {
  const plan = await planner(t, zones);
  const orders = new Set<string>();
  for (let i = 0; i < 40; i += 1) {
    const p = await plan('equal.test');
    assert.ok(p.kind === 'hosts' && p.hosts.length === 6);
    orders.add(p.hosts.map((h) => h.name).join());
  }
  assert.ok(orders.size > 10, `${orders.size} orders`);
});

test('OUT-25 a failed look-up is temporary and says of what: the MX records or the addresses', async (t) => {
  const mx = await (await planner(t, zones, { misbehave: (q) => (q.type === 'MX' ? 'servfail' : undefined) }))('two.test');
  assert.ok(mx.kind === 'temporary' && mx.stage === 'mx');
  const fallback = await planner(t, { 'f.test': { A: ['192.0.2.4'] } }, { misbehave: (q) => (q.type === 'MX' ? 'servfail' : undefined) });
  assert.equal(line(await fallback('f.test', { addressOnly: true })), '0 f.test=192.0.2.4');
  const address = await (await planner(t, zones, { misbehave: (q) => (q.type === 'A' ? 'servfail' : undefined) }))('two.test');
  assert.ok(address.kind === 'temporary' && address.stage === 'address');
  const own = await (await planner(t, zones, { misbehave: (q) => (q.type === 'A' ? 'servfail' : undefined) }))('plain.test');
  assert.ok(own.kind === 'temporary' && own.stage === 'address');
});

test('one host that cannot be looked up does not hold the others back, but the plan is short-lived', async (t) => {
  const plan = await (
    await planner(
      t,
      { ...zones, 'a.mx.test': { A: ['192.0.2.1'], ttl: 5_000 } },
      { misbehave: (q) => (q.name === 'b.mx.test' ? 'servfail' : undefined) },
    )
  )('two.test');
  assert.equal(line(plan), '10 a.mx.test=192.0.2.1');
  assert.ok(plan.kind === 'hosts' && plan.ttl === mailPlanLimits.incompleteTtlSeconds);
});

test('OUT-28 min_dns_ttl and max_dns_ttl clamp the plan and not the cache', async (t) => {
  const long = await (await planner(t, zones, { minTtl: 900 }))('two.test');
  assert.ok(long.kind === 'hosts' && long.ttl === 900 && long.hosts[0]?.ttl === 900);
  const short = await (await planner(t, zones, { maxTtl: 10 }))('two.test');
  assert.ok(short.kind === 'hosts' && short.ttl === 10);
});

test('A32 an address literal is its own host; what only looks like one is none', async (t) => {
  const plan = await planner(t, zones);
  const four = await plan('[192.0.2.5]');
  assert.equal(line(four), '0 192.0.2.5=192.0.2.5');
  assert.ok(four.kind === 'hosts' && four.origin === 'literal');
  assert.equal(line(await plan('[IPv6:2001:DB8:0:0:0:0:0:5]')), '0 2001:db8::5=2001:db8::5');
  for (const text of ['[999.1.1.1]', '[IPv6:192.0.2.1]', '[]', '[192.0.2.1', '[x.test]', '[IPv6:::1%lo]', '[192.0.2.010]'])
    assert.equal((await plan(text)).kind, 'none', text);
});

test('OUT-30 a name of the hosts file is a host although the DNS does not know it', async (t) => {
  const plan = await planner(t, zones, { hosts: new HostTable('192.0.2.200 inside.corp') });
  assert.equal(line(await plan('inside.corp')), '0 inside.corp=192.0.2.200');
});

test('A52 a domain with thousands of exchangers and addresses costs a bounded number of questions', async (t) => {
  const many: Record<string, { MX?: string[]; A?: string[] }> = {
    'many.test': { MX: Array.from({ length: 500 }, (_, i) => `${i} m${i}.test`) },
  };
  for (let i = 0; i < 500; i += 1) many[`m${i}.test`] = { A: Array.from({ length: 60 }, (_, j) => `10.${i % 250}.0.${j}`) };
  const plan = await (await planner(t, many))('many.test');
  assert.ok(plan.kind === 'hosts');
  assert.equal(plan.hosts.length, mailPlanLimits.hosts);
  assert.equal(plan.hosts[0]?.name, 'm0.test');
  assert.ok(plan.hosts.every((h) => h.addresses.length === mailPlanLimits.addresses));
});

test('for any MX records the hosts are sorted, unique and all that have addresses', async (t) => {
  const world = new Map<string, Zones[string]>();
  const server = await startDnsServer(t, { zones: {} });
  for (let i = 0; i < 8; i += 1) if (i % 3 !== 0) world.set(`h${i}.test`, { A: [`192.0.2.${i}`] });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(3), fc.nat(7)), { minLength: 1, maxLength: 10 }), async (list) => {
      round += 1;
      server.zones = new Map([...world, [`d${round}.test`, { MX: list.map(([p, h]) => `${p} h${h}.test`) }]]);
      const clock = new ManualClock();
      const resolver = new Resolver({
        servers: [{ ip: '127.0.0.1', port: server.port }],
        clock,
        wheel: new TimerWheel({ clock }),
        random: seededRandom(round),
      });
      const plan = await new Promise<MailPlan>((resolve) => resolver.mailHosts(`d${round}.test`, resolve));
      resolver.close();
      const best = new Map<string, number>();
      for (const [p, h] of list) if (h % 3 !== 0) best.set(`h${h}.test`, Math.min(p, best.get(`h${h}.test`) ?? 99));
      const hosts = plan.kind === 'hosts' ? plan.hosts : [];
      assert.equal(plan.kind, best.size === 0 ? 'none' : 'hosts');
      assert.deepEqual(new Map(hosts.map((h) => [h.name, h.preference])), best);
      assert.deepEqual(
        hosts.map((h) => h.preference),
        hosts.map((h) => h.preference).sort((a, b) => a - b),
      );
    }),
    { numRuns: 60 },
  );
});
