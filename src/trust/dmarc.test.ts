/**
 * DMARC: which record counts, who may speak for whom, and what is wanted.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DkimVerdict } from './dkim-verify.ts';
import { evaluateDmarc, type Identified } from './dmarc.ts';
import { lookupBy } from './lookup.ts';
import type { SpfResult } from './spf.ts';

const signer = (domain: string, result: DkimVerdict['result'] = 'pass'): DkimVerdict => ({
  result,
  reason: '',
  domain,
  selector: 's',
  identity: '',
  algorithm: 'rsa-sha256',
  mark: '',
  isTesting: false,
});
const sent = (domain: string, result: SpfResult = 'pass'): Identified => ({ dkim: [], spf: { domain, result } });
const nobody: Identified = { dkim: [], spf: undefined };
const by = (...dkim: DkimVerdict[]): Identified => ({ dkim, spf: undefined });

type Records = Readonly<Record<string, string | readonly string[] | 'fails'>>;

async function judged(domain: string, found: Identified, records: Records, asked: string[] = []): Promise<string> {
  const lookup = lookupBy((name, type, done) => {
    asked.push(`${type} ${name}`);
    const text = records[name];
    const rest = { ttl: 60, isAuthenticated: false };
    if (text === 'fails') done({ kind: 'failed', failure: 'timeout', reason: 'no answer' });
    else if (text === undefined) done({ kind: 'nxdomain', ...rest });
    else if (type !== 'TXT') done({ kind: 'nodata', ...rest });
    else
      done({ kind: 'records', name, records: [text].flat().map((one) => ({ name, type, ttl: 60, chunks: [Buffer.from(one)] })), ...rest });
  });
  const { result, policy } = await evaluateDmarc(domain, found, lookup);
  return `${result} ${policy}`;
}

const REJECT: Records = { '_dmarc.a.test': 'v=DMARC1; p=reject; rua=mailto:x@a.test' };

test('DMARC: a signature or SPF of the author passes, of a relative too unless the record is strict, of a stranger never', async () => {
  assert.equal(await judged('a.test', by(signer('a.test')), REJECT), 'pass none');
  assert.equal(await judged('a.test', sent('a.test'), REJECT), 'pass none');
  assert.equal(await judged('a.test', by(signer('mail.a.test')), REJECT), 'pass none');
  assert.equal(await judged('news.a.test', by(signer('a.test')), REJECT), 'pass none');
  assert.equal(await judged('news.a.test', sent('bounce.a.test'), REJECT), 'pass none');
  for (const other of ['b.test', 'xa.test', 'test', 'a.test.b.test'])
    assert.equal(await judged('a.test', by(signer(other)), REJECT), 'fail reject', other);
  assert.equal(await judged('a.test', by(signer('a.test', 'fail'), signer('a.test', 'policy')), REJECT), 'fail reject');
  assert.equal(await judged('a.test', sent('a.test', 'softfail'), REJECT), 'fail reject');
  const strict = { '_dmarc.a.test': 'v=DMARC1; p=quarantine; adkim=s; aspf=s' };
  assert.equal(await judged('a.test', by(signer('mail.a.test')), strict), 'fail quarantine');
  assert.equal(await judged('a.test', sent('mail.a.test'), strict), 'fail quarantine');
  assert.equal(await judged('a.test', by(signer('a.test')), strict), 'pass none');
});

test('DMARC: sp= is for names below, np= for those that do not exist, t=y for one step less', async () => {
  const records: Records = {
    '_dmarc.a.test': 'v=DMARC1; p=none; sp=quarantine; np=reject',
    'there.a.test': 'x',
    '_dmarc.t.test': 'v=DMARC1;p=reject;t=y',
    '_dmarc.q.test': 'v=DMARC1;p=quarantine;t=y',
  };
  assert.equal(await judged('a.test', nobody, records), 'fail none');
  assert.equal(await judged('there.a.test', nobody, records), 'fail quarantine');
  assert.equal(await judged('nowhere.a.test', nobody, records), 'fail reject');
  assert.equal(await judged('t.test', nobody, records), 'fail quarantine');
  assert.equal(await judged('q.test', nobody, records), 'fail none');
});

test('DMARC: the walk stops at psd=n, keeps below psd=y, and asks eight times at most', async () => {
  const records: Records = {
    '_dmarc.bank': 'v=DMARC1; p=reject; psd=y',
    '_dmarc.dept.big.test': 'v=DMARC1; p=reject; psd=n',
    '_dmarc.big.test': 'v=DMARC1; p=none',
  };
  assert.equal(await judged('my.bank', nobody, records), 'fail reject');
  assert.equal(await judged('www.my.bank', by(signer('my.bank')), records), 'pass none');
  assert.equal(await judged('my.bank', by(signer('your.bank')), records), 'fail reject');
  assert.equal(await judged('x.dept.big.test', by(signer('big.test')), records), 'fail reject');
  assert.equal(await judged('x.dept.big.test', by(signer('y.dept.big.test')), records), 'pass none');
  const asked: string[] = [];
  assert.equal(await judged('a.b.c.d.e.f.g.h.i.j.test', nobody, {}, asked), 'none none');
  assert.deepEqual(
    asked.map((question) => question.replace('TXT _dmarc.', '')),
    ['a.b.c.d.e.f.g.h.i.j.test', 'e.f.g.h.i.j.test', 'f.g.h.i.j.test', 'g.h.i.j.test', 'h.i.j.test', 'i.j.test', 'j.test', 'test'].map(
      (name, i) => (i === 1 ? 'e.f.g.h.i.j.test' : name),
    ),
  );
});

test('DMARC: records that are none, doubled or broken do not count; one without p= asks for reports only', async () => {
  for (const text of ['v=DMARC2; p=reject', 'p=reject; v=DMARC1', 'v=DMARC1; p=reject; p=none', 'v=DMARC1; p=odd', 'v=DMARC1'])
    assert.equal(await judged('a.test', nobody, { '_dmarc.a.test': text }), 'none none', text);
  assert.equal(await judged('a.test', nobody, { '_dmarc.a.test': ['v=DMARC1; p=reject', 'v=DMARC1; p=none'] }), 'none none');
  assert.equal(await judged('a.test', nobody, { '_dmarc.a.test': ['something', 'v=DMARC1; p=reject'] }), 'fail reject');
  assert.equal(await judged('a.test', nobody, { '_dmarc.a.test': 'v=DMARC1; rua=mailto:x@a.test' }), 'fail none');
});

test('DMARC: what could not be asked is temperror for the author and its relatives; a stranger cannot make it so', async () => {
  assert.equal(await judged('a.test', nobody, { '_dmarc.a.test': 'fails' }), 'temperror none');
  assert.equal(await judged('a.test', by(signer('mail.a.test', 'temperror')), REJECT), 'temperror none');
  assert.equal(await judged('a.test', sent('a.test', 'temperror'), REJECT), 'temperror none');
  assert.equal(await judged('a.test', by(signer('evil.test', 'temperror')), REJECT), 'fail reject');
  assert.equal(await judged('a.test', sent('evil.test', 'temperror'), REJECT), 'fail reject');
});
