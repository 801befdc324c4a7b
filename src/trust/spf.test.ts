/**
 * SPF by a table: each mechanism, modifier, macro and limit of RFC 7208 over zones that are data.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from '#base';
import type { DnsAnswer, DnsRecord, RecordType } from '#dns';
import { lookupBy, type Query } from './lookup.ts';
import { checkSpf, type SpfQuestion, type SpfVerdict } from './spf.ts';

type Zone = Readonly<Record<string, Partial<Record<RecordType | 'FAIL', readonly string[]>>>>;

function recordOf(name: string, type: RecordType, text: string): DnsRecord {
  const common = { name, ttl: 300 };
  if (type === 'TXT') return { ...common, type, chunks: text.split('|').map((chunk) => Buffer.from(chunk, 'latin1')) };
  if (type === 'MX') return { ...common, type, preference: Number(text.split(' ')[0]), exchange: text.split(' ')[1] ?? '' };
  if (type === 'PTR') return { ...common, type, target: text };
  return { ...common, type: type as 'A' | 'AAAA', address: text };
}

function resolver(zone: Zone): { query: Query; asked: string[] } {
  const asked: string[] = [];
  const query: Query = (name, type, done) => {
    asked.push(`${type} ${name}`);
    const entry = zone[name];
    const found = entry?.[type];
    const rest = { ttl: 300, isAuthenticated: false };
    const answer: DnsAnswer =
      entry?.FAIL?.includes(type) === true
        ? { kind: 'failed', failure: 'servfail', reason: 'the server failed' }
        : found !== undefined
          ? { kind: 'records', name, records: found.map((text) => recordOf(name, type, text)), ...rest }
          : { kind: entry === undefined ? 'nxdomain' : 'nodata', ...rest };
    done(answer);
  };
  return { query, asked };
}

const ME: Omit<SpfQuestion, 'ip'> = { sender: 'user@a.test', helo: 'helo.b.test', receiver: 'mx.impetus.test', now: 1_700_000_000 };

async function check(zone: Zone, ip = '192.0.2.3', o: Partial<SpfQuestion> = {}): Promise<SpfVerdict & { asked: string[] }> {
  const { query, asked } = resolver(zone);
  const verdict = await checkSpf({ ...ME, ip: parseIp(ip) ?? assert.fail(ip), ...o }, lookupBy(query));
  return { ...verdict, asked };
}

/** The result for one record of a.test, with other names beside it. */
async function result(record: string, ip?: string, zone: Zone = {}, o?: Partial<SpfQuestion>): Promise<string> {
  return (await check({ 'a.test': { TXT: [record] }, ...zone }, ip, o)).result;
}

async function table(rows: readonly (readonly [record: string, expected: string, ip?: string])[], zone: Zone = {}): Promise<void> {
  for (const [record, expected, ip] of rows) assert.equal(await result(record, ip, zone), expected, `${record} ${ip ?? ''}`);
}

test('A57 SPF: all with each qualifier, and a record in which nothing matches is neutral', () =>
  table([
    ['v=spf1 all', 'pass'],
    ['v=spf1 +all', 'pass'],
    ['v=spf1 -all', 'fail'],
    ['v=spf1 ~ALL', 'softfail'],
    ['V=SPF1 ?all', 'neutral'],
    ['v=spf1', 'neutral'],
    ['v=spf1   ', 'neutral'],
    ['v=spf1 ip4:198.51.100.1', 'neutral'],
    ['v=spf10 -all', 'none'],
    ['v=spf1|  -a|ll', 'fail'],
  ]));

test('A57 SPF: no record is none, two are permerror, a failing server is temperror, and other texts do not count', async () => {
  assert.equal((await check({})).result, 'none');
  assert.equal((await check({ 'a.test': { A: ['192.0.2.1'] } })).result, 'none');
  assert.equal((await check({ 'a.test': { TXT: ['google=x', 'v=spf1 -all', 'v=spf2.0/pra ?all'] } })).result, 'fail');
  assert.equal((await check({ 'a.test': { TXT: ['v=spf1 -all', 'v=spf1 +all'] } })).result, 'permerror');
  assert.equal((await check({ 'a.test': { FAIL: ['TXT'] } })).result, 'temperror');
});

test('A57 SPF: ip4 and ip6 with every length of network, each for its own family only', () =>
  table([
    ['v=spf1 ip4:192.0.2.3 -all', 'pass'],
    ['v=spf1 ip4:192.0.2.0/24 -all', 'pass'],
    ['v=spf1 ip4:192.0.2.4/31 -all', 'fail'],
    ['v=spf1 ip4:0.0.0.0/0 -all', 'pass'],
    ['v=spf1 ip4:192.0.2.0/33 -all', 'permerror'],
    ['v=spf1 ip4:192.0.2.0/024 -all', 'permerror'],
    ['v=spf1 ip4:192.0.2 -all', 'permerror'],
    ['v=spf1 ip4 -all', 'permerror'],
    ['v=spf1 ip4: -all', 'permerror'],
    ['v=spf1 ip4:2001:db8::1 -all', 'permerror'],
    ['v=spf1 ip6:2001:db8::/32 -all', 'pass', '2001:db8::cb01'],
    ['v=spf1 ip6:2001:db8::cb01 -all', 'pass', '2001:db8::cb01'],
    ['v=spf1 ip6:2001:db8::/129 -all', 'permerror', '2001:db8::cb01'],
    ['v=spf1 ip6:::/0 -all', 'fail'],
    ['v=spf1 ip6:::ffff:192.0.2.3 -all', 'fail'],
    ['v=spf1 ip4:192.0.2.3 -all', 'fail', '2001:db8::cb01'],
  ]));

const HOSTS: Zone = {
  'h.test': { A: ['198.51.100.1', '192.0.2.9'], AAAA: ['2001:db8::1'] },
  'mx.test': { MX: ['20 far.test', '10 h.test'] },
  'far.test': { A: ['203.0.113.1'] },
  'nullmx.test': { MX: ['0 .'] },
  'broken.test': { FAIL: ['A', 'AAAA', 'MX', 'TXT'] },
};

test('A57 SPF: a and mx with names, without, and with the two lengths of a dual network', () =>
  table(
    [
      ['v=spf1 a:h.test -all', 'fail'],
      ['v=spf1 a:h.test/28 -all', 'pass'],
      ['v=spf1 a:h.test/28//64 -all', 'pass', '2001:db8::cb01'],
      ['v=spf1 a:h.test//64 -all', 'fail'],
      ['v=spf1 a:H.TEST/28 -all', 'pass'],
      ['v=spf1 a/24 -all', 'fail'],
      ['v=spf1 mx:mx.test/28 -all', 'pass'],
      ['v=spf1 mx:mx.test -all', 'fail'],
      ['v=spf1 mx:mx.test//64 -all', 'pass', '2001:db8::cb01'],
      ['v=spf1 mx:h.test/0 -all', 'fail'],
      ['v=spf1 mx:nullmx.test/0 -all', 'fail'],
      ['v=spf1 a:broken.test -all', 'temperror'],
      ['v=spf1 mx:broken.test -all', 'temperror'],
      ['v=spf1 ip4:192.0.2.3 a:broken.test -all', 'pass'],
      ['v=spf1 a:h.test/33 -all', 'permerror'],
      ['v=spf1 a:h.test//129 -all', 'permerror'],
      ['v=spf1 a:h.test/08 -all', 'permerror'],
      ['v=spf1 a:h.test/28/64 -all', 'permerror'],
      ['v=spf1 a: -all', 'permerror'],
      ['v=spf1 a:/24 -all', 'permerror'],
      ['v=spf1 a:test -all', 'permerror'],
      ['v=spf1 a:h.123 -all', 'permerror'],
      ['v=spf1 a=h.test -all', 'fail'],
    ],
    { ...HOSTS },
  ));

test('A57 SPF: exists asks for A whatever the client is; include takes only a pass over', () =>
  table(
    [
      ['v=spf1 exists:h.test -all', 'pass', '2001:db8::1'],
      ['v=spf1 exists:no.test -all', 'fail'],
      ['v=spf1 exists -all', 'permerror'],
      ['v=spf1 include:pass.test -all', 'pass'],
      ['v=spf1 -include:pass.test +all', 'fail'],
      ['v=spf1 include:fail.test ?all', 'neutral'],
      ['v=spf1 include:soft.test ?all', 'neutral'],
      ['v=spf1 include:empty.test ~all', 'softfail'],
      ['v=spf1 include:no.test -all', 'permerror'],
      ['v=spf1 include:bad.test -all', 'permerror'],
      ['v=spf1 include:broken.test -all', 'temperror'],
      ['v=spf1 include -all', 'permerror'],
      ['v=spf1 include:to.test -all', 'pass'],
    ],
    {
      ...HOSTS,
      'pass.test': { TXT: ['v=spf1 +all'] },
      'fail.test': { TXT: ['v=spf1 -all exp=x.test'] },
      'soft.test': { TXT: ['v=spf1 ~all'] },
      'empty.test': { TXT: ['v=spf1'] },
      'bad.test': { TXT: ['v=spf1 nonsense'] },
      'to.test': { TXT: ['v=spf1 redirect=pass.test'] },
    },
  ));

test('A57 SPF: ptr believes only names that lead back to the address, ten of them; what cannot be asked does not match', async () => {
  const zone: Zone = {
    '3.2.0.192.in-addr.arpa': { PTR: ['liar.a.test', 'mail.a.test'] },
    'mail.a.test': { A: ['192.0.2.3'] },
    'liar.a.test': { A: ['203.0.113.5'] },
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa': { PTR: ['six.a.test'] },
    'six.a.test': { AAAA: ['2001:db8::1'] },
  };
  await table(
    [
      ['v=spf1 ptr -all', 'pass'],
      ['v=spf1 ptr:mail.a.test -all', 'pass'],
      ['v=spf1 ptr:liar.a.test -all', 'fail'],
      ['v=spf1 ptr:ail.a.test -all', 'fail'],
      ['v=spf1 ptr -all', 'pass', '2001:db8::1'],
      ['v=spf1 ptr/24 -all', 'permerror'],
      ['v=spf1 ptr: -all', 'permerror'],
    ],
    zone,
  );
  assert.equal(await result('v=spf1 ptr -all', undefined, { '3.2.0.192.in-addr.arpa': { FAIL: ['PTR'] } }), 'fail');
  const names = Array.from({ length: 12 }, (_, i) => `n${i}.a.test`);
  const crowd: Zone = { '3.2.0.192.in-addr.arpa': { PTR: names }, 'n9.a.test': { A: ['192.0.2.3'] }, 'n10.a.test': { A: ['192.0.2.3'] } };
  assert.equal(await result('v=spf1 ptr:n9.a.test -all', undefined, crowd), 'pass');
  assert.equal(await result('v=spf1 ptr:n10.a.test -all', undefined, crowd), 'fail');
});

test('A57 SPF: redirect counts when nothing matched and there is no all; its own errors are permerror', async () => {
  const zone: Zone = { 'r.test': { TXT: ['v=spf1 ip4:192.0.2.3 -all'] }, 'soft.test': { TXT: ['v=spf1 ~all'] } };
  await table(
    [
      ['v=spf1 redirect=r.test', 'pass'],
      ['v=spf1 redirect=r.test', 'fail', '203.0.113.9'],
      ['v=spf1 redirect=r.test ~all', 'softfail', '203.0.113.9'],
      ['v=spf1 redirect=soft.test ip4:192.0.2.3', 'pass'],
      ['v=spf1 redirect=no.test', 'permerror'],
      ['v=spf1 redirect=', 'permerror'],
      ['v=spf1 redirect=r.test redirect=soft.test', 'permerror'],
      ['v=spf1 redirect=%{l}..test', 'permerror'],
      ['v=spf1 redirect:r.test', 'permerror'],
    ],
    zone,
  );
});

test('A57 SPF: exp gives a text for a fail of its own record, filled in; whatever is wrong with it gives none', async () => {
  const explained = async (record: string, zone: Zone = {}): Promise<string | undefined> =>
    (await check({ 'a.test': { TXT: [record] }, 'x.test': { TXT: ['%{i} is not one of %{d}%_servers (%{c} %{r} %{t})'] }, ...zone }))
      .explanation;
  const text = '192.0.2.3 is not one of a.test servers (192.0.2.3 mx.impetus.test 1700000000)';
  assert.equal(await explained('v=spf1 exp=x.test -all'), text);
  assert.equal(await explained('v=spf1 exp=x.test ~all'), undefined);
  const away: Zone = { 'away.test': { TXT: ['v=spf1 -all exp=x.test'] }, 'no.test': { TXT: ['v=spf1 -all'] } };
  assert.equal(await explained('v=spf1 redirect=away.test', away), text.replace('a.test', 'away.test'));
  assert.equal(await explained('v=spf1 redirect=no.test exp=x.test', away), undefined);
  assert.equal(await explained('v=spf1 include:away.test -all', away), undefined);
  for (const bad of [['%{z}'], ['a', 'b'], ['%'], ['na\xefve'], ['']]) {
    assert.equal(await explained('v=spf1 exp=x.test -all', { 'x.test': { TXT: bad } }), undefined, bad.join());
  }
  assert.equal(await explained('v=spf1 exp=x.test -all', { 'x.test': { FAIL: ['TXT'] } }), undefined);
  assert.equal(await explained('v=spf1 exp=not.test -all'), undefined);
  assert.equal(await result('v=spf1 exp=x.test exp=x.test -all'), 'permerror');
});

test('A57 SPF: the macros of RFC 7208 section 7.4 expand as it says', async () => {
  const expands = async (macro: string, name: string, ip = '192.0.2.3'): Promise<void> => {
    const { asked } = await check({ 'email.example.com': { TXT: [`v=spf1 exists:${macro} -all`] } }, ip, {
      sender: 'strong-bad@email.example.com',
    });
    assert.equal(asked.at(-1), `A ${name}`, macro);
  };
  const rows: [string, string][] = [
    ['%{o}', 'email.example.com'],
    ['%{d4}', 'email.example.com'],
    ['%{d2}', 'example.com'],
    ['%{dr}', 'com.example.email'],
    ['%{d2r}', 'example.email'],
    ['%{D2R}', 'example.email'],
    ['%{l}.%{o}', 'strong-bad.email.example.com'],
    ['%{l-}.x', 'strong.bad.x'],
    ['%{lr-}.x', 'bad.strong.x'],
    ['%{l1r-}.x', 'strong.x'],
    ['%{s}', 'strong-bad@email.example.com'],
    ['%{S}', 'strong-bad%40email.example.com'],
    ['%{h}', 'helo.b.test'],
    ['%{p}.x', 'unknown.x'],
    ['a%%b%_c%-d.test', 'a%b c%20d.test'],
    ['%{ir}.%{v}._spf.%{d2}', '3.2.0.192.in-addr._spf.example.com'],
    ['%{lr-}.lp.%{ir}.%{v}._spf.%{d2}', 'bad.strong.lp.3.2.0.192.in-addr._spf.example.com'],
    ['%{d2}.trusted-domains.example.net', 'example.com.trusted-domains.example.net'],
  ];
  for (const [macro, name] of rows) await expands(macro, name);
  const nibbles = '1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2';
  await expands('%{ir}.%{v}._spf.%{d2}', `${nibbles}.ip6._spf.example.com`, '2001:db8::cb01');
});

test('A57 SPF: %{p} is the domain itself, else a name below it, else any name that leads back', async () => {
  const names = {
    'q.other.test': { A: ['192.0.2.3'] },
    'm.a.test': { A: ['192.0.2.3'] },
    'a.test': { TXT: ['v=spf1 exists:%{p}.x -all'] },
  };
  const asked = async (ptr: string[], zone: Zone): Promise<string | undefined> =>
    (await check({ ...names, '3.2.0.192.in-addr.arpa': { PTR: ptr }, ...zone })).asked.at(-1);
  assert.equal(await asked(['q.other.test', 'm.a.test'], {}), 'A m.a.test.x');
  assert.equal(await asked(['q.other.test'], {}), 'A q.other.test.x');
  const own = { 'a.test': { TXT: ['v=spf1 exists:%{p}.x -all'], A: ['192.0.2.3'] } };
  assert.equal(await asked(['q.other.test', 'm.a.test', 'a.test'], own), 'A a.test.x');
});

test('A57 SPF: a zoo of wrong macros and terms is permerror before anything is asked', async () => {
  for (const term of [
    'exists:%',
    'exists:%{',
    'exists:%{}',
    'exists:%{z}.test',
    'exists:%{d0}.test',
    'exists:%{c}.test',
    'exists:%{r}.test',
    'exists:%{t}.test',
    'exists:%{d r}.test',
    'exists:%{d;}.test',
    'exists:%a.test',
    'exists:a%{d',
    'x=%{z}',
    'a:%{d}..',
    '-all.',
    'all:x.test',
    'all=',
    '*all',
    'ptrx',
    'ip5:1.2.3.4',
    'mx;h.test',
    '-',
    'v=spf1=',
    'h\u200bx',
  ]) {
    const { result: found, asked } = await check({ 'a.test': { TXT: [Buffer.from(`v=spf1 ip4:192.0.2.3 ${term}`).toString('latin1')] } });
    const expected = term === 'all=' || term === 'v=spf1=' ? 'pass' : 'permerror';
    assert.equal(found, expected, term);
    assert.deepEqual(asked, ['TXT a.test'], term);
  }
  assert.equal(await result('v=spf1 moo.cow-1=%{d}x%%! -all'), 'fail', 'a modifier that nobody knows is passed over');
});

test('A57 SPF: ten terms may ask, the eleventh is permerror; ip4, ip6 and all are free, include and redirect and %{p} are not', async () => {
  const exists = (count: number): string =>
    Array.from({ length: count }, () => 'exists:h.test')
      .join(' ')
      .replaceAll('exists', '?a');
  const zone: Zone = {
    'h.test': { A: ['203.0.113.1'] },
    'next.test': { TXT: ['v=spf1 -all'] },
    '3.2.0.192.in-addr.arpa': { PTR: ['h.test'] },
  };
  const rows: [string, string][] = [
    [`${exists(10)} ip4:203.0.113.7 ip6:::1 -all`, 'fail'],
    [`${exists(11)} -all`, 'permerror'],
    [`${exists(9)} redirect=next.test`, 'fail'],
    [`${exists(10)} redirect=next.test`, 'permerror'],
    [`${exists(10)} include:next.test -all`, 'permerror'],
    [`${exists(10)} ptr -all`, 'permerror'],
    [`${exists(8)} ?a:%{p} -all`, 'fail'],
    [`${exists(9)} ?a:%{p} -all`, 'permerror'],
    [`ip4:192.0.2.3 ${exists(20)}`, 'pass'],
  ];
  for (const [terms, expected] of rows) assert.equal(await result(`v=spf1 ${terms}`, undefined, zone), expected, terms);
});

test('A57 SPF: two empty answers may be, the third is permerror; names in a PTR that lead nowhere do not count', async () => {
  const zone: Zone = {
    'h.test': { A: ['203.0.113.1'] },
    'six.test': { AAAA: ['2001:db8::1'] },
    '3.2.0.192.in-addr.arpa': { PTR: ['n1.test', 'n2.test', 'n3.test'] },
    'mx.test': { MX: ['1 n1.test', '2 n2.test', '3 n3.test'] },
  };
  await table(
    [
      ['v=spf1 a:n1.test a:six.test a:h.test -all', 'fail'],
      ['v=spf1 a:n1.test a:six.test exists:n2.test -all', 'permerror'],
      ['v=spf1 mx:h.test mx:n1.test mx:n2.test -all', 'permerror'],
      ['v=spf1 mx:mx.test -all', 'permerror'],
      ['v=spf1 ptr -all', 'fail'],
    ],
    zone,
  );
});

test('A57 SPF: ten MX records are looked at, and an eleventh that would have to be is permerror', async () => {
  const hosts = Array.from({ length: 11 }, (_, i) => `m${i}.test`);
  const zone: Zone = Object.fromEntries(hosts.map((host) => [host, { A: ['192.0.2.3'] }]));
  const mx = (count: number): Zone => ({ ...zone, 'mx.test': { MX: hosts.slice(0, count).map((host, i) => `${i} ${host}`) } });
  assert.equal(await result('v=spf1 mx:mx.test -all', undefined, mx(11)), 'pass');
  assert.equal(await result('v=spf1 mx:mx.test -all', '203.0.113.1', mx(10)), 'fail');
  assert.equal(await result('v=spf1 mx:mx.test -all', '203.0.113.1', mx(11)), 'permerror');
});

test('A57 SPF: records that include or redirect to themselves, or in a circle, end in permerror within the limit', async () => {
  for (const record of ['v=spf1 include:a.test -all', 'v=spf1 redirect=a.test', 'v=spf1 include:b.test -all', 'v=spf1 redirect=b.test']) {
    const zone = { 'a.test': { TXT: [record] }, 'b.test': { TXT: ['v=spf1 include:a.test include:a.test redirect=a.test'] } };
    const verdict = await check(zone);
    assert.equal(verdict.result, 'permerror', record);
    assert.ok(verdict.asked.length <= 12, record);
  }
});

test('A57 SPF: long names are cut from the left; labels that are too long or empty do not match', async () => {
  const long = `${'abcdefghi.'.repeat(26)}a.test`;
  const { asked } = await check({ 'a.test': { TXT: [`v=spf1 a:%{l}.${long} -all`] } }, undefined, { sender: `${'x'.repeat(60)}@a.test` });
  assert.ok((asked[1] ?? '').length <= 'A '.length + 253 && (asked[1] ?? '').endsWith('abcdefghi.a.test'), asked[1]);
  const label = await check({ 'a.test': { TXT: ['v=spf1 a:%{l}.a.test ?all'] } }, undefined, { sender: `${'x'.repeat(64)}@a.test` });
  assert.deepEqual([label.result, label.asked], ['neutral', ['TXT a.test']]);
  const dots = await check({ 'a.test': { TXT: ['v=spf1 a:%{l}.a.test ?all'] } }, undefined, { sender: 'a..b@a.test' });
  assert.deepEqual([dots.result, dots.asked], ['neutral', ['TXT a.test']]);
});

test('A57 SPF: domains outside ASCII are asked by their A-labels; a local part outside ASCII matches no macro', async () => {
  const zone: Zone = { 'xn--bcher-kva.test': { TXT: ['v=spf1 a:%{l}.x.test ip4:192.0.2.3 -all'] } };
  const verdict = await check(zone, undefined, { sender: 'jos\u00e9@b\u00fccher.test' });
  assert.deepEqual([verdict.result, verdict.asked], ['pass', ['TXT xn--bcher-kva.test']]);
});

test('A57 SPF: the null sender is judged by its HELO, and what is no domain is none', async () => {
  const zone: Zone = { 'helo.b.test': { TXT: ['v=spf1 exists:%{l}.%{o} -all'] } };
  const verdict = await check(zone, undefined, { sender: '' });
  assert.deepEqual([verdict.result, verdict.asked.at(-1)], ['fail', 'A postmaster.helo.b.test']);
  const address = await check({}, undefined, { sender: '', helo: '[192.0.2.3]' });
  assert.deepEqual([address.result, address.asked], ['none', []]);
  for (const sender of ['x@localhost', `x@${'l'.repeat(64)}.test`, 'x@a..test', 'x@']) {
    const found = await check({}, undefined, { sender });
    assert.deepEqual([found.result, found.asked], ['none', []], sender);
  }
  assert.equal(
    (await check({ 'a.test': { TXT: ['v=spf1 exists:%{l}.x -all'] } }, undefined, { sender: '@a.test' })).asked.at(-1),
    'A postmaster.x',
  );
});

test('A57 SPF: a rule of our own counts for domains without a record', async () => {
  const zone: Zone = { 'a.test': { A: ['192.0.2.99'] } };
  assert.equal((await check(zone, undefined, { defaultRule: 'a/24 -all' })).result, 'pass');
  assert.equal((await check(zone, '203.0.113.1', { defaultRule: 'a/24 ~all' })).result, 'softfail');
  assert.equal((await check(zone, undefined, { defaultRule: 'nonsense' })).result, 'permerror');
});

test('A49, A57 SPF: what is long is refused or cut before it costs anything: records, terms, names by macros, explanations', async () => {
  // A regular expression with two ways through the last label took seconds for this one.
  const last = 'a'.repeat(15_000);
  const refused = await check({ 'a.test': { TXT: [`v=spf1 exists:x.${last}! -all`] } });
  assert.deepEqual([refused.result, refused.asked.length, refused.reason.length < 200], ['permerror', 1, true]);
  assert.equal(await result(`v=spf1 ${'ip4:192.0.2.9 '.repeat(5_000)}-all`), 'permerror');
  const helo = `${'b.'.repeat(100)}test`;
  const { asked } = await check({ 'a.test': { TXT: [`v=spf1 exists:${'%{hr}'.repeat(3_000)}.end.test ?all`] } }, '192.0.2.3', { helo });
  const name = asked[1]?.replace('A ', '') ?? '';
  assert.ok(name.endsWith('.b.end.test') && name.length > 240 && name.length <= 253, name);
  const zone = (text: string): Zone => ({ 'a.test': { TXT: ['v=spf1 -all exp=why.a.test'] }, 'why.a.test': { TXT: [text] } });
  assert.equal((await check(zone('%{H}'.repeat(100)), '192.0.2.3', { helo })).explanation?.length, 512);
  assert.equal((await check(zone('x'.repeat(600)))).explanation, undefined);
});
