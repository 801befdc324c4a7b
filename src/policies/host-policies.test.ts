import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer, DnsRecord } from '#dns';
import { HostPolicies, type HostQuestion, type PolicyAnswer } from './host-policies.ts';
import { parseStsPolicy, type StsPolicy } from './sts-policy.ts';
import type { StsFinding } from './sts-store.ts';
import type { TlsOutcome } from './tls-results.ts';

const sts = (mode: string): StsFinding => ({
  kind: 'policy',
  id: 'i',
  policy: parseStsPolicy(`version: STSv1\nmode: ${mode}\nmx: *.a.test\nmax_age: 86400\n`) as StsPolicy,
});

const found = (name: string, record: object): DnsAnswer => ({
  kind: 'records',
  name,
  records: [{ name, ttl: 1, ...record } as DnsRecord],
  ttl: 1,
  isAuthenticated: true,
});

interface Case {
  readonly sts?: StsFinding;
  readonly tlsa?: 'sick' | 'unusable' | 'good';
  readonly host?: string;
  readonly isForeign?: boolean;
  readonly isCounting?: boolean;
}

/** What a session is counted under, and what is counted without one. */
function asked(o: Case): { answer: PolicyAnswer; counted: TlsOutcome[] } {
  const counted: TlsOutcome[] = [];
  const hosts = new HostPolicies({
    dns: {
      query: (name, type, done) => {
        if (type !== 'TLSA') done(found(name, { type: 'A', address: '192.0.2.1' }));
        else if (o.tlsa === 'sick') done({ kind: 'failed', failure: 'servfail', reason: 'sick' });
        else if (o.tlsa === undefined) done({ kind: 'nodata', ttl: 1, isAuthenticated: true });
        else done(found(name, { type: 'TLSA', usage: o.tlsa === 'good' ? 3 : 1, selector: 1, matching: 1, data: Buffer.alloc(32, 0xab) }));
      },
    },
    sts: { of: (_domain, done) => done(o.sts ?? { kind: 'none' }) },
    isDaneOn: () => true,
    now: () => 0,
    counter: () => (o.isCounting === false ? undefined : { count: (outcome) => void counted.push(outcome) }),
  });
  const { host = 'mx.a.test', isForeign = true } = o;
  const question: HostQuestion = {
    domain: 'a.test',
    host,
    ip: '192.0.2.1',
    port: 25,
    isHostSecure: true,
    isForeign,
    useDane: true,
    useSts: true,
  };
  let answer: PolicyAnswer | undefined;
  hosts.of(question, (one) => (answer = one));
  assert.ok(answer !== undefined);
  return { answer, counted };
}

test('TLS-RPT: what is counted under which policy of RFC 8460: no-policy-found, sts, tlsa; with faults of the policy itself (4.3.2)', () => {
  const report = (o: Case) => {
    const { answer } = asked(o);
    return answer.kind === 'unusable' ? 'unusable' : answer.report;
  };
  assert.deepEqual(report({}), { policy: { type: 'no-policy-found', strings: [], mxHosts: [] } });
  const strings = ['version: STSv1', 'mode: testing', 'mx: *.a.test', 'max_age: 86400'];
  const byTesting = { type: 'sts', strings, mxHosts: ['*.a.test'] };
  assert.deepEqual(report({ sts: sts('testing') }), { policy: byTesting, flaw: undefined });
  assert.deepEqual(report({ sts: sts('testing'), host: 'mx.b.test' }), {
    policy: byTesting,
    flaw: { type: 'validation-failure', reason: 'the policy does not name this host' },
  });
  const tlsa = (record: string) => ({ type: 'tlsa', strings: [record], mxHosts: ['mx.a.test'] });
  assert.deepEqual(report({ tlsa: 'good', sts: sts('enforce') }), { policy: tlsa(`3 1 1 ${'ab'.repeat(32)}`), flaw: undefined });
  assert.equal((report({ tlsa: 'unusable' }) as { flaw?: { type: string } }).flaw?.type, 'tlsa-invalid');
});

test('TLS-RPT: what keeps a host from being connected to counts as a failed session: DNSSEC, a policy that does not name the host, a fetch that failed', () => {
  const shown = (o: Case): string[] => asked(o).counted.map(({ policy, fault, host, ip }) => `${policy.type} ${fault?.type} ${host} ${ip}`);
  assert.deepEqual(shown({ tlsa: 'sick' }), ['tlsa dnssec-invalid mx.a.test 192.0.2.1']);
  assert.deepEqual(shown({ sts: sts('enforce'), host: 'mx.b.test' }), ['sts validation-failure mx.b.test 192.0.2.1']);
  for (const type of ['sts-policy-fetch-error', 'sts-policy-invalid', 'sts-webpki-invalid'])
    assert.deepEqual(shown({ sts: { kind: 'none', failure: { type, reason: 'x' } } }), [`sts ${type} mx.a.test 192.0.2.1`]);
  // Nobody's fault: we are too busy to know.
  assert.deepEqual(shown({ sts: { kind: 'busy' } }), []);
});

test('TLS-RPT: nothing is counted without tls_rpt, nor with a host that the operator wrote (Gateway, Routes)', () => {
  for (const more of [{ isCounting: false }, { isForeign: false }])
    for (const o of [{}, { tlsa: 'sick' }, { tlsa: 'good' }, { sts: sts('enforce') }] as const) {
      const { answer, counted } = asked({ ...o, ...more });
      assert.deepEqual([counted.length, answer.kind === 'unusable' ? undefined : answer.report], [0, undefined]);
    }
});
