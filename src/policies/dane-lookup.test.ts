import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DnsAnswer, DnsRecord, RecordType } from '#dns';
import { findDane, type DaneFinding } from './dane-lookup.ts';
import { DaneSelfTest } from './self-test.ts';

const failed: DnsAnswer = { kind: 'failed', failure: 'servfail', reason: 'sick' };
const none = (isAuthenticated: boolean): DnsAnswer => ({ kind: 'nodata', ttl: 1, isAuthenticated });
const a = (isAuthenticated: boolean, name = 'mx.test'): DnsAnswer => ({
  kind: 'records',
  name,
  records: [{ type: 'A', name, ttl: 1, address: '192.0.2.1' }],
  ttl: 1,
  isAuthenticated,
});
const tlsaRecord: DnsRecord = { type: 'TLSA', name: '', ttl: 1, usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32, 7) };
const tlsa = (isAuthenticated: boolean): DnsAnswer => ({ kind: 'records', name: '', records: [tlsaRecord], ttl: 1, isAuthenticated });
const alias = (isAuthenticated: boolean): DnsAnswer => ({
  kind: 'records',
  name: 'mx.test',
  records: [{ type: 'CNAME', name: 'mx.test', ttl: 1, target: 'end.test' }],
  ttl: 1,
  isAuthenticated,
});

function find(answers: Readonly<Record<string, DnsAnswer>>, isHostSecure = true, host = 'mx.test'): { finding: string; asked: string[] } {
  const asked: string[] = [];
  let finding: DaneFinding | undefined;
  const query = (name: string, type: RecordType, done: (answer: DnsAnswer) => void): void => {
    asked.push(`${type} ${name}`);
    done(answers[`${type} ${name}`] ?? none(true));
  };
  findDane({ query }, { host, ip: '192.0.2.1', port: 25, isHostSecure }, (found) => (finding = found));
  return { finding: finding?.kind === 'tlsa' ? `tlsa ${finding.base} ${finding.records.length}` : (finding?.kind ?? 'nothing'), asked };
}

test('A46: the look-ups of DANE: nothing is asked where the MX is insecure, a failure is never "no", signed records hold', () => {
  const own = 'TLSA _25._tcp.mx.test';
  const end = 'TLSA _25._tcp.end.test';
  assert.deepEqual(find({ 'A mx.test': a(true), [own]: tlsa(true) }, false), { finding: 'none', asked: [] });
  assert.deepEqual(find({}, true, '192.0.2.1'), { finding: 'none', asked: [] });
  assert.equal(find({ 'A mx.test': a(true), [own]: tlsa(true) }).finding, 'tlsa mx.test 1');
  assert.equal(find({ 'A mx.test': a(true), [own]: tlsa(false) }).finding, 'none');
  assert.equal(find({ 'A mx.test': a(true), [own]: failed }).finding, 'failed');
  assert.equal(find({ 'A mx.test': failed }).finding, 'failed');
  // Not signed: no question for TLSA at all, unless the name itself is a signed alias.
  assert.deepEqual(find({ 'A mx.test': a(false), 'CNAME mx.test': none(true) }).asked, ['A mx.test', 'CNAME mx.test']);
  assert.equal(find({ 'A mx.test': a(false, 'end.test'), 'CNAME mx.test': alias(false), [own]: tlsa(true) }).finding, 'none');
  assert.equal(find({ 'A mx.test': a(false, 'end.test'), 'CNAME mx.test': alias(true), [own]: tlsa(true) }).finding, 'tlsa mx.test 1');
  assert.equal(find({ 'A mx.test': a(false, 'end.test'), 'CNAME mx.test': failed }).finding, 'failed');
  // A signed alias: the end of the chain first, then the name itself; an error at the end is not got round.
  const chain = { 'A mx.test': a(true, 'end.test') };
  assert.equal(find({ ...chain, [end]: tlsa(true), [own]: tlsa(true) }).finding, 'tlsa end.test 1');
  assert.equal(find({ ...chain, [end]: tlsa(false), [own]: tlsa(true) }).finding, 'tlsa mx.test 1');
  assert.equal(find({ ...chain, [end]: failed, [own]: tlsa(true) }).finding, 'failed');
});

test('A46: the self-test: a server that does not verify turns DANE off and says so, silence changes nothing, and it comes back by itself', () => {
  const said: string[] = [];
  let verifies: 'yes' | 'no' | 'silent' = 'silent';
  let again = (): void => undefined;
  const selfTest = new DaneSelfTest({
    provers: (_name, done) => done([{ ip: '127.0.0.1', verifies }]),
    signedName: () => 'signed.test',
    isWanted: () => true,
    tell: (level, text) => void said.push(`${level} ${text}`),
    later: (_ms, work) => ((again = work), () => undefined),
  });
  assert.deepEqual([selfTest.state, selfTest.isOn, said], ['untested', true, []]);
  verifies = 'no';
  again();
  assert.deepEqual([selfTest.state, selfTest.isOn], ['unverified', false]);
  assert.match(said.join(), /^ERROR DANE is off: name server 127\.0\.0\.1 does not verify DNSSEC \("signed\.test" came without AD\)/);
  verifies = 'silent';
  again();
  assert.equal(selfTest.isOn, false);
  verifies = 'yes';
  again();
  assert.deepEqual([selfTest.state, said.length], ['on', 2]);
});
