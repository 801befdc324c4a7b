import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ManualClock } from '#base';
import type { DnsAnswer, RecordType } from '#dns';
import { makeAuthority, makeCertificate } from '../../test/kit/certificates.ts';
import { HostPolicies, type PolicyAnswer } from './host-policies.ts';
import { fetchSts, type Fetched } from './sts-fetch.ts';
import { policyFiles } from './sts-files.ts';
import { isStsHost, parseStsPolicy, stsId, type StsPolicy } from './sts-policy.ts';
import { StsStore, stsLimits, type StsFinding } from './sts-store.ts';

const text = (mode: string, mx = 'mx.a.test', maxAge = 604_800): string =>
  `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: ${maxAge}\r\n`;
const parsed = (body: string): StsPolicy => {
  const policy = parseStsPolicy(body);
  assert.equal(typeof policy, 'object', String(policy));
  return policy as StsPolicy;
};

test('A46: the TXT record of MTA-STS: one of them, with one id; empty, doubled or odd ones announce nothing (TASK-115806)', () => {
  assert.equal(stsId(['v=STSv1; id=20190429T010101;']), '20190429T010101');
  assert.equal(stsId(['other', 'v=STSv1;id=a1 ; x=y']), 'a1');
  for (const texts of [
    [],
    [''],
    ['v=STSv1'],
    ['v=STSv1; id=;'],
    ['v=STSv1; id=a-b'],
    [`v=STSv1; id=${'a'.repeat(33)}`],
    ['v=STSv10; id=a'],
    ['v=STSv1; id=a', 'v=STSv1; id=b'],
  ])
    assert.equal(stsId(texts), undefined, JSON.stringify(texts));
});

test('A46: a policy is read as RFC 8461 says, or not at all: "mx: *" is no policy', () => {
  assert.deepEqual(
    parsed('version: STSv1\nmode: testing\nmx: *.A.Test\nmx:b.test\nmax_age: 9999999999\nfuture: x\nmode: enforce\n').mode,
    'testing',
  );
  assert.deepEqual(parsed(text('enforce')).mx, ['mx.a.test']);
  assert.equal(parsed('version: STSv1\nmode: none\nmax_age: 0').maxAge, 0);
  assert.equal(parsed(text('enforce', 'mx.a.test', 9_999_999_999)).maxAge, 31_557_600);
  const bad = [
    '',
    '<html>',
    text('enforce', '*'),
    text('enforce', '*.*.test'),
    text('enforce', 'a..b'),
    text('on'),
    'version: STSv1\nmode: enforce\nmax_age: 1',
    text('enforce').replace('STSv1', 'STSv2'),
    text('enforce').replace(/max_age.*/, 'max_age: -1'),
  ];
  for (const one of bad) assert.equal(typeof parseStsPolicy(one), 'string', one);
  // Four seconds, while a regular expression looked for the end of the blanks (A49).
  const slow = parseStsPolicy(`version: STSv1\nmode: enforce\nmax_age: 1\nmx: a${' '.repeat(64_000)}\x0b`);
  assert.ok(typeof slow === 'string' && slow.length < 300);
});

test('A46: a pattern stands for one label and no more', () => {
  const policy = parsed(text('enforce', '*.a.test'));
  assert.deepEqual(
    ['mx.a.test', 'MX.A.test', 'a.test', 'x.mx.a.test', 'mxa.test', 'evil-a.test'].map((host) => isStsHost(policy, host)),
    [true, true, false, false, false, false],
  );
  assert.equal(isStsHost(parsed(text('enforce')), 'mx.a.test'), true);
});

const dir = mkdtempSync(join(tmpdir(), 'impetus-sts-'));
let server: Server;
let ca: Buffer;
let answer: (response: ServerResponse) => void;
const requests: string[] = [];
before(async () => {
  makeAuthority(dir);
  const { cert, key } = makeCertificate(dir, 'https', { names: ['mta-sts.a.test'] });
  ca = readFileSync(join(dir, 'ca.pem'));
  server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url}`);
    answer(response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
after(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(dir, { recursive: true, force: true });
});

const plain = { 'content-type': 'text/plain; charset=utf-8' };
const address = (ip: string): DnsAnswer => ({
  kind: 'records',
  name: 'x',
  records: [{ type: 'A', name: 'x', ttl: 1, address: ip }],
  ttl: 1,
  isAuthenticated: false,
});

function addressed(type: 'A' | 'AAAA', ips: readonly string[] | 'failed'): DnsAnswer {
  if (ips === 'failed') return { kind: 'failed', failure: 'servfail', reason: 'sick' };
  if (ips.length === 0) return { kind: 'nodata', ttl: 1, isAuthenticated: false };
  const records = ips.map((ip) => ({ type, name: 'x', ttl: 1, address: ip }));
  return { kind: 'records', name: 'x', records, ttl: 1, isAuthenticated: false };
}

function fetched(
  domain = 'a.test',
  o: {
    isAllowed?: boolean;
    isTrusted?: boolean;
    onLater?: (work: () => void, ms: number) => void;
    A?: readonly string[] | 'failed';
    AAAA?: readonly string[] | 'failed';
    port?: number;
  } = {},
): Promise<Fetched> {
  const { isAllowed = true, isTrusted = true } = o;
  const addresses = { A: o.A ?? ['127.0.0.1'], AAAA: o.AAAA ?? [] };
  return new Promise((done) =>
    fetchSts(
      domain,
      {
        dns: { query: (_name, type, hear) => hear(addressed(type as 'A', addresses[type as 'A'])) },
        isAllowed: () => isAllowed,
        authorities: () => (isTrusted ? ca : undefined),
        later: (ms, work) => (o.onLater?.(work, ms), () => undefined),
        port: o.port ?? (server.address() as { port: number }).port,
      },
      done,
    ),
  );
}

test('A46: a policy is fetched from the one place, as text/plain and with status 200; redirects, other types, 3 MB and silence are failures', async () => {
  answer = (response) => response.writeHead(200, plain).end(text('enforce'));
  assert.deepEqual(await fetched(), { kind: 'text', text: text('enforce') });
  assert.deepEqual(requests, ['GET mta-sts.a.test /.well-known/mta-sts.txt']);
  const failure = async (o?: Parameters<typeof fetched>[1], domain?: string): Promise<string> => {
    const found = await fetched(domain, o);
    return found.kind === 'failed' ? `${found.type} ${found.reason}` : 'none';
  };
  answer = (response) => response.writeHead(301, { location: 'https://mta-sts.a.test/elsewhere' }).end();
  assert.match(await failure(), /^sts-policy-fetch-error mta-sts\.a\.test: answered with status 301; redirects are not followed/);
  assert.equal(
    requests.some((line) => line.includes('elsewhere')),
    false,
  );
  answer = (response) => response.writeHead(404, plain).end(text('enforce'));
  assert.match(await failure(), /status 404/);
  answer = (response) => response.writeHead(200, { 'content-type': 'text/html' }).end(text('enforce'));
  assert.match(await failure(), /not text\/plain/);
  answer = (response) => response.writeHead(200, plain).end('x'.repeat(3_000_000));
  assert.match(await failure(), /more than 65536 octets/);
  answer = (response) => {
    response.writeHead(200, { ...plain, 'content-length': '9999' });
    response.write('version: STSv1\n', () => response.destroy());
  };
  assert.match(await failure(), /^sts-policy-fetch-error/);
  let late = (): void => undefined;
  answer = () => late();
  assert.match(await failure({ onLater: (work) => (late = work) }), /no whole answer within 60 s/);
});

test('A46, A52: a certificate that does not hold, an unknown authority, and an address that nothing is fetched from', async () => {
  answer = (response) => response.writeHead(200, plain).end(text('enforce'));
  const typed = async (...args: Parameters<typeof fetched>): Promise<string> => {
    const found = await fetched(...args);
    return found.kind === 'failed' ? found.type : 'none';
  };
  const before = requests.length;
  assert.equal(await typed('b.test'), 'sts-webpki-invalid');
  assert.equal(await typed('a.test', { isTrusted: false }), 'sts-webpki-invalid');
  assert.equal(await typed('a.test', { isAllowed: false }), 'sts-policy-fetch-error');
  assert.equal(requests.length, before);
});

test('A46: a policy host that has addresses of one family only, or of which one is dead, is reached all the same; a wrong answer is not asked for elsewhere', async () => {
  answer = (response) => response.writeHead(200, plain).end(text('enforce'));
  const six = createServer(
    { cert: readFileSync(join(dir, 'https.pem')), key: readFileSync(join(dir, 'https.key')) },
    (request, response) => {
      requests.push(`${request.socket.remoteAddress}`);
      answer(response);
    },
  );
  await new Promise<void>((done) => six.listen({ port: 0, host: '::1', ipv6Only: true }, done));
  try {
    const { port } = six.address() as { port: number };
    const kindOf = async (o: Parameters<typeof fetched>[1]): Promise<string> => {
      const found = await fetched('a.test', { port, ...o });
      return found.kind === 'text' ? 'text' : found.reason;
    };
    assert.equal(await kindOf({ A: [], AAAA: ['::1'] }), 'text');
    assert.equal(requests.at(-1), '::1');
    assert.equal(await kindOf({ A: 'failed', AAAA: ['::1'] }), 'text');
    assert.equal(await kindOf({ A: ['127.0.0.1'], AAAA: ['::1'] }), 'text', 'nobody is at the port of the first address');
    assert.match(await kindOf({ A: ['127.0.0.1'], AAAA: [] }), /ECONNREFUSED/);
    assert.match(await kindOf({ A: [], AAAA: [] }), /has no address$/);
    assert.match(await kindOf({ A: 'failed', AAAA: [] }), /: sick$/);
    assert.match(await kindOf({ A: ['127.0.0.1'], AAAA: ['::1'], isAllowed: false }), /is not connected to/);
    // 192.0.2.1 is nowhere: it is given up when its time is over.
    const slow = kindOf({ A: ['192.0.2.1'], AAAA: ['::1'], onLater: (work, ms) => void (ms === 10_000 && setImmediate(work)) });
    assert.equal(await slow, 'text');
    const before = requests.length;
    answer = (response) => response.writeHead(404, plain).end();
    assert.match(await kindOf({ A: [], AAAA: ['::1', '::1'] }), /status 404/);
    assert.equal(requests.length, before + 1);
  } finally {
    six.closeAllConnections();
    six.close();
  }
});

interface Shop {
  readonly store: StsStore;
  readonly clock: ManualClock;
  readonly told: string[];
  id: string;
  result: Fetched;
  fetches: number;
  of(domain?: string): Promise<StsFinding>;
}

function shop(folder: string): Shop {
  const clock = new ManualClock();
  const told: string[] = [];
  const made: Shop = {
    clock,
    told,
    id: 'one',
    result: { kind: 'text', text: text('enforce') },
    fetches: 0,
    store: new StsStore({
      dns: {
        query: (_name: string, _type: RecordType, done: (answer: DnsAnswer) => void) => {
          const chunks = [Buffer.from(`v=STSv1; id=${made.id}`)];
          if (made.id === '') done({ kind: 'nxdomain', ttl: 1, isAuthenticated: false });
          else done({ kind: 'records', name: 'x', records: [{ type: 'TXT', name: 'x', ttl: 1, chunks }], ttl: 1, isAuthenticated: false });
        },
      },
      fetch: (_domain, done) => {
        made.fetches += 1;
        done(made.result);
      },
      files: policyFiles({ folder: () => folder, tag: 'test', tell: (line) => void told.push(line) }),
      clock,
      tell: (line) => void told.push(line),
    }),
    of: (domain = 'a.test') => new Promise((done) => made.store.of(domain, done)),
  };
  return made;
}

/** Files are written behind the answer; ends without it when that does not come. */
async function until(isThere: () => boolean): Promise<void> {
  for (let i = 0; i < 4000 && !isThere(); i += 1) await sleep(5);
}

test('A46, MTA_STS_Policy_Store: a policy is kept in memory and on disk, made fresh by its id and its age, kept on failure, over at its end (TASK-4533)', async () => {
  const folder = join(dir, 'store');
  const s = shop(folder);
  assert.equal((await s.of()).kind, 'policy');
  assert.equal((await s.of()).kind, 'policy');
  assert.equal(s.fetches, 1);
  await until(() => readOr(folder).includes('a.test'));
  assert.deepEqual(readOr(folder), ['a.test']);
  // A new start: the file is enough.
  const again = shop(folder);
  assert.equal((await again.of()).kind, 'policy');
  assert.equal(again.fetches, 0);
  assert.deepEqual(again.store.list(), ['a.test']);
  // Another id: fetched behind the answer.
  again.id = 'two';
  again.clock.advance(stsLimits.FAILED_MS);
  again.result = { kind: 'text', text: text('testing') };
  await again.of();
  const [changed, fetches] = [await again.of(), again.fetches];
  assert.equal(changed.kind === 'policy' && changed.policy.mode, 'testing');
  assert.equal(fetches, 1);
  // After a day it is fetched again; a failure, or a record that is gone, leaves it in force until it is over.
  again.result = { kind: 'failed', type: 'sts-policy-fetch-error', reason: 'down' };
  again.clock.advance(stsLimits.REFRESH_MS);
  assert.equal((await again.of()).kind, 'policy');
  assert.equal(again.fetches, 2);
  again.id = '';
  again.clock.advance(5 * stsLimits.REFRESH_MS);
  assert.equal((await again.of()).kind, 'policy');
  again.clock.advance(2 * stsLimits.REFRESH_MS);
  assert.deepEqual(await again.of(), { kind: 'none' });
  // A garbled file is no policy, and a name that is none is no file.
  writeFileSync(join(folder, 'a.test'), '{"id":');
  assert.deepEqual(await again.of(), { kind: 'none' });
  assert.deepEqual(await again.of('../a.test'), { kind: 'none' });
});

test('A46: a policy with max_age 0 counts for five minutes: it is enforced, and brings no fetch for each message', async () => {
  const s = shop(join(dir, 'short'));
  s.result = { kind: 'text', text: text('enforce', 'mx.a.test', 0) };
  for (let i = 0; i < 50; i += 1) {
    const found = await s.of();
    assert.equal(found.kind === 'policy' && found.policy.mode, 'enforce');
    s.clock.advance(stsLimits.LIFE_MIN_MS / 60);
  }
  assert.equal(s.fetches, 1);
  s.clock.advance(stsLimits.LIFE_MIN_MS);
  s.result = { kind: 'failed', type: 'sts-policy-fetch-error', reason: 'down' };
  assert.equal((await s.of()).kind, 'none', 'and not longer');
  assert.equal(s.fetches, 2);
});

test('A46: a fetch that failed is not repeated at once, and is told; a folder that cannot be written is told once', async () => {
  const s = shop(join(dir, 'https.pem', 'no-folder'));
  s.result = { kind: 'failed', type: 'sts-webpki-invalid', reason: 'mta-sts.a.test: expired' };
  assert.deepEqual(await s.of(), { kind: 'none', failure: { type: 'sts-webpki-invalid', reason: 'mta-sts.a.test: expired' } });
  await s.of();
  assert.equal(s.fetches, 1);
  assert.deepEqual(s.told, ['the MTA-STS policy of a.test cannot be used: mta-sts.a.test: expired']);
  s.clock.advance(stsLimits.FAILED_MS + 1);
  s.result = { kind: 'text', text: text('enforce') };
  assert.equal((await s.of()).kind, 'policy');
  assert.equal((await s.of('b.test')).kind, 'policy');
  await until(() => s.told.length >= 2);
  assert.match(s.told[1] ?? '', /cannot be kept/);
  const problem = await new Promise((done) => {
    s.result = { kind: 'text', text: 'nonsense' };
    s.store.refresh('a.test', done);
  });
  assert.match(String(problem), /no key and value/);
  assert.equal((await s.of()).kind, 'policy');
});

test('A46: DANE and MTA-STS together: the policy chooses the hosts, signed TLSA records decide alone, testing demands nothing', async () => {
  mkdirSync(join(dir, 'both'));
  const ask = (
    mode: string,
    o: { host?: string; tlsa?: 'yes' | 'failed'; isForeign?: boolean; useDane?: boolean } = {},
  ): Promise<PolicyAnswer> => {
    const { host = 'mx.a.test', tlsa, isForeign = true, useDane = true } = o;
    const data = Buffer.alloc(32);
    const hosts = new HostPolicies({
      dns: {
        query: (name, type, done) => {
          if (type !== 'TLSA') done({ ...address('192.0.2.1'), name, isAuthenticated: true } as DnsAnswer);
          else if (tlsa === 'failed') done({ kind: 'failed', failure: 'servfail', reason: 'sick' });
          else if (tlsa === undefined) done({ kind: 'nodata', ttl: 1, isAuthenticated: true });
          else
            done({
              kind: 'records',
              name,
              records: [{ type: 'TLSA', name, ttl: 1, usage: 3, selector: 1, matching: 1, data }],
              ttl: 1,
              isAuthenticated: true,
            });
        },
      },
      sts: {
        of: (_domain, done) =>
          done(
            mode === '' ? { kind: 'none' } : mode === 'busy' ? { kind: 'busy' } : { kind: 'policy', policy: parsed(text(mode)), id: 'i' },
          ),
      },
      isDaneOn: () => true,
      now: () => 0,
    });
    return new Promise((done) =>
      hosts.of({ domain: 'a.test', host, ip: '192.0.2.1', port: 25, isHostSecure: true, isForeign, useDane, useSts: true }, done),
    );
  };
  const shown = async (...args: Parameters<typeof ask>): Promise<string> => {
    const found = await ask(...args);
    return found.kind === 'policy'
      ? `${found.policy.name}${found.policy.isEnforced ? '!' : ''}`
      : found.kind === 'unusable'
        ? found.reason
        : 'none';
  };
  assert.equal(await shown('enforce'), 'MTA-STS, enforce, a.test!');
  assert.equal(await shown('testing'), 'MTA-STS, testing, a.test');
  assert.equal(await shown(''), 'none');
  assert.match(await shown('busy'), /too many policies/);
  assert.equal(await shown('enforce', { host: 'mx.evil.test' }), 'MTA-STS: mx.evil.test is no mail host by the policy of a.test');
  assert.equal(await shown('testing', { host: 'mx.evil.test' }), 'MTA-STS, testing, a.test');
  assert.equal(
    await shown('enforce', { host: 'mx.evil.test', tlsa: 'yes' }),
    'MTA-STS: mx.evil.test is no mail host by the policy of a.test',
  );
  assert.equal(await shown('enforce', { tlsa: 'yes' }), 'DANE, TLSA of _25._tcp.mx.a.test!');
  assert.match(await shown('enforce', { tlsa: 'failed' }), /^DANE: TLSA of/);
  assert.equal(await shown('enforce', { tlsa: 'yes', useDane: false }), 'MTA-STS, enforce, a.test!');
  assert.equal(await shown('enforce', { isForeign: false }), 'none');
});

function readOr(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.endsWith('.new'));
  } catch {
    return [];
  }
}
