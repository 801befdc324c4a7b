/**
 * Our SPF beside another one (mailauth in its strict form): records by chance, the same zones, the same result.
 *
 * The one rule: where the two may differ is said here, by case and with the section that decides; everything else must be equal.
 * Seeds are those of fast-check: a failure prints how to play it again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spf } from 'mailauth/lib/spf/index.js';
import { parseIp } from '#base';
import type { DnsRecord, RecordType } from '#dns';
import { checkSpf, lookupBy } from '#trust';

type Zone = Record<string, Partial<Record<RecordType, string[]>>>;

const fixed: Zone = {
  'four.test': { A: ['192.0.2.3', '198.51.100.7'] },
  'six.test': { AAAA: ['2001:db8::cb01'] },
  'away.test': { A: ['203.0.113.1'], AAAA: ['2001:db8:ffff::1'] },
  'mx.test': { MX: ['10 four.test', '20 six.test'] },
  'nomx.test': { MX: ['0 .'] },
  'many.test': { MX: Array.from({ length: 11 }, (_, i) => `${i} four.test`) },
  'pass.test': { TXT: ['v=spf1 +all'] },
  'fail.test': { TXT: ['v=spf1 -all'] },
  'bad.test': { TXT: ['v=spf1 wrong'] },
  'two.test': { TXT: ['v=spf1 +all', 'v=spf1 -all'] },
  'loop.test': { TXT: ['v=spf1 include:loop.test -all'] },
  'back.test': { TXT: ['v=spf1 redirect=sender.test'] },
  '3.2.0.192.in-addr.arpa': { PTR: ['liar.test', 'four.test', 'ptr.sender.test'] },
  'ptr.sender.test': { A: ['192.0.2.3'] },
  'user.four.test': { A: ['127.0.0.2'] },
};

const name = fc.constantFrom(
  ...Object.keys(fixed),
  'none.test',
  '%{d}',
  '%{l}.four.test',
  '%{p}',
  '%{ir}.%{v}.x.test',
  'test',
  'a..test',
  '%{c}.x',
  '%{d0}',
  '%{o2r}',
  '%{l1r-+}.x.test',
);
const length = fc.constantFrom('', '/24', '/0', '/33', '/024', '//64', '/24//48', '//129');
const term = fc.oneof(
  fc.constantFrom(
    'all',
    'ptr',
    'a',
    'mx',
    'a/24',
    'ip4:192.0.2.0/24',
    'ip4:192.0.2.3',
    'ip6:2001:db8::/32',
    'ip4:192.0.2',
    'ip6:::1/129',
    'ip4:1.2.3.4/',
    'ip6:1.2.3.4',
    'x=y',
    'x=%',
    'exp=none.test',
    'unknown',
    '',
  ),
  fc.tuple(fc.constantFrom('a:', 'mx:'), name, length).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('include:', 'exists:', 'ptr:', 'redirect=', 'exp='), name).map((parts) => parts.join('')),
);
const qualified = fc.tuple(fc.constantFrom('', '', '+', '-', '~', '?'), term).map((parts) => parts.join(''));
const record = fc.array(qualified, { maxLength: 6 }).map((terms) => ['v=spf1', ...terms].join(' '));

function recordOf(owner: string, type: RecordType, text: string): DnsRecord {
  const common = { name: owner, ttl: 300 };
  if (type === 'TXT') return { ...common, type, chunks: [Buffer.from(text)] };
  if (type === 'MX') return { ...common, type, preference: Number(text.split(' ')[0]), exchange: text.split(' ')[1] ?? '' };
  if (type === 'PTR') return { ...common, type, target: text };
  return { ...common, type: type as 'A' | 'AAAA', address: text };
}

async function ours(zone: Zone, ip: string, sender: string): Promise<string> {
  const lookup = lookupBy((owner, type, done) => {
    const found = zone[owner]?.[type];
    const rest = { ttl: 300, isAuthenticated: false };
    if (found === undefined) done({ kind: owner in zone ? 'nodata' : 'nxdomain', ...rest });
    else done({ kind: 'records', name: owner, records: found.map((text) => recordOf(owner, type, text)), ...rest });
  });
  const verdict = await checkSpf({ ip: parseIp(ip)!, sender, helo: 'helo.test', receiver: 'mx.test', now: 1 }, lookup);
  return verdict.result;
}

async function theirs(zone: Zone, ip: string, sender: string): Promise<string> {
  const resolver = (owner: string, type: string): Promise<unknown> => {
    const found = zone[owner.toLowerCase()]?.[type as RecordType];
    if (found === undefined)
      return Promise.reject(Object.assign(new Error('none'), { code: owner.toLowerCase() in zone ? 'ENODATA' : 'ENOTFOUND' }));
    if (type === 'TXT') return Promise.resolve(found.map((text) => [text]));
    if (type === 'MX')
      return Promise.resolve(found.map((text) => ({ priority: Number(text.split(' ')[0]), exchange: text.split(' ')[1] })));
    return Promise.resolve(found);
  };
  const found = await spf({ ip, sender, helo: 'helo.test', mta: 'mx.test', strict: true, resolver } as unknown as Parameters<
    typeof spf
  >[0]);
  return found.status.result;
}

test('A57 SPF: what another implementation says about records by chance is what ours says', async () => {
  await fc.assert(
    fc.asyncProperty(
      record,
      fc.constantFrom('192.0.2.3', '203.0.113.1', '2001:db8::cb01'),
      fc.constantFrom('user@sender.test', 'a-b+c@sender.test'),
      async (text, ip, sender) => {
        const zone = { ...fixed, 'sender.test': { TXT: [text] } };
        const [mine, other] = [await ours(zone, ip, sender), await theirs(zone, ip, sender)];
        assert.equal(mine, other, `${text} | ${ip} | ${sender}`);
      },
    ),
    { numRuns: 1000 },
  );
});
