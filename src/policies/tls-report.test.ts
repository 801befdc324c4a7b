import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { DnsAnswer } from '#dns';
import { makeAuthority, makeCertificate } from '../../test/kit/certificates.ts';
import { packReport, placeKey, reportJson, reportMail, reportPlaces, type ReportFacts } from './tls-report.ts';
import { postReport } from './tls-report-post.ts';
import { TlsResults, type ReportedPolicy, type TlsFault } from './tls-results.ts';

const places = (...texts: string[]): string[] => reportPlaces(texts).map(placeKey);

test('A46: the record of _smtp._tls: version first, one rua, mailto and https, several of them; doubled, odd or foreign records are no wish', () => {
  assert.deepEqual(places('v=TLSRPTv1; rua=mailto:tls@a.test'), ['mailto:tls@a.test']);
  assert.deepEqual(places('v=TLSRPTv1;rua=https://a.test/v1?x=y#z;'), ['https://a.test/v1?x=y']);
  assert.deepEqual(places('v=spf1 -all', 'v=TLSRPTv1 ; later=1 ;\trua = mailto:a%2Bb@a.test?subject=x , https://b.test/ ,ftp://c.test/'), [
    'mailto:a+b@a.test',
    'https://b.test/',
  ]);
  for (const text of [
    '',
    'v=TLSRPTv1',
    'v=TLSRPTv1;',
    'v=TLSRPTv1; rua=',
    'v=TLSRPTv10; rua=mailto:a@a.test',
    'v=tlsrptv1; rua=mailto:a@a.test',
    ' v=TLSRPTv1; rua=mailto:a@a.test',
    'rua=mailto:a@a.test; v=TLSRPTv1;',
    'v=TLSRPTv1; rua=mailto:a@a.test; rua=mailto:b@a.test',
    'v=TLSRPTv1; xrua=mailto:a@a.test',
  ])
    assert.deepEqual(places(text), [], text);
  assert.deepEqual(places('v=TLSRPTv1; rua=mailto:a@a.test', 'v=TLSRPTv1; rua=mailto:a@a.test'), []);
});

test('A52: what a place must not be: another port, a password, an address, a line end, a list of recipients, a name that is none', () => {
  for (const uri of [
    'http://a.test/',
    'https://a.test:25/',
    'https://u:p@a.test/',
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://[::1]/',
    'https://localhost/',
    'https://a_b.test/',
    'https://',
    'mailto:',
    'mailto:a',
    'mailto:a@b@c.test',
    'mailto:a@127.0.0.1',
    'mailto:a@[127.0.0.1]',
    'mailto:a@localhost',
    'mailto:a@b..test',
    'mailto:.a@b.test',
    'mailto:a%0d%0aBcc:x@b.test',
    'mailto:a%2Cb@b.test',
    'mailto:%22a%22@b.test',
    'mailto:a%@b.test',
    'mailto:%E2%82%AC@b.test',
    `https://a.test/${'x'.repeat(2000)}`,
    'file:///etc/passwd',
    'javascript:1',
  ])
    assert.deepEqual(places(`v=TLSRPTv1; rua=${uri}`), [], uri);
});

test('A49: a record of 64 KB: places are bounded and told once, and nothing takes long', () => {
  const many = Array.from({ length: 5_000 }, (_, i) => `mailto:a${i}@v.test`).join(',');
  assert.deepEqual(places(`v=TLSRPTv1; rua=${many}`), ['mailto:a0@v.test', 'mailto:a1@v.test', 'mailto:a2@v.test', 'mailto:a3@v.test']);
  assert.deepEqual(places(`v=TLSRPTv1; rua=${'mailto:a@v.test,'.repeat(10)}`), ['mailto:a@v.test']);
  for (const evil of [
    `v=TLSRPTv1${'\t'.repeat(64_000)}x`,
    `v=TLSRPTv1;${'rua='.repeat(16_000)}`,
    `v=TLSRPTv1;${'\t '.repeat(32_000)}rua`,
    `v=TLSRPTv1;${'rua=;'.repeat(13_000)}`,
    `v=TLSRPTv1;rua=${','.repeat(64_000)}`,
    `v=TLSRPTv1;rua=mailto:${'a-'.repeat(400)}@${'a-'.repeat(100)}`,
    `v=TLSRPTv1;rua=mailto:a@${'a-.'.repeat(300)}`,
    `v=TLSRPTv1;rua=https://${'a.'.repeat(500)}test`,
  ])
    assert.deepEqual(places(evil), []);
});

const policies: ReportedPolicy[] = [
  { type: 'sts', strings: ['version: STSv1', 'mode: enforce', 'mx: *.a.test', 'max_age: 86400'], mxHosts: ['*.a.test'] },
  { type: 'no-policy-found', strings: [], mxHosts: [] },
];

function facts(count: (add: (policy: ReportedPolicy, fault?: TlsFault) => void) => void): ReportFacts {
  const table = new TlsResults({ DOMAIN_ROWS_MAX: 3 });
  count((policy, fault) =>
    table.count({ domain: 'a.test', policy, fault, sendingIp: '192.0.2.1', host: 'mx.a.test', helo: 'mail.a.test', ip: '198.51.100.7' }),
  );
  const period = { from: Date.UTC(2026, 10, 27), until: Date.UTC(2026, 10, 28) };
  return { organization: 'Us', contact: 'tls@us.test', id: '0a1b@mx.us.test', domain: 'a.test', period, rows: table.of('a.test') };
}

test('every field of RFC 8460 section 4.4 is there and right; details beyond the bound are counted together', () => {
  const [sts, none] = policies as [ReportedPolicy, ReportedPolicy];
  const made = facts((add) => {
    add(sts);
    add(sts);
    add(sts, { type: 'certificate-expired', reason: 'CERT_HAS_EXPIRED' });
    add(sts, { type: 'certificate-expired', reason: 'CERT_HAS_EXPIRED' });
    add(none, { type: 'starttls-not-supported', reason: '' });
    add(none, { type: 'validation-failure', reason: 'x' });
  });
  assert.deepEqual(JSON.parse(gunzipSync(packReport(made)).toString()), {
    'organization-name': 'Us',
    'date-range': { 'start-datetime': '2026-11-27T00:00:00Z', 'end-datetime': '2026-11-27T23:59:59Z' },
    'contact-info': 'tls@us.test',
    'report-id': '0a1b@mx.us.test',
    policies: [
      {
        policy: { 'policy-type': 'sts', 'policy-string': sts.strings, 'policy-domain': 'a.test', 'mx-host': ['*.a.test'] },
        summary: { 'total-successful-session-count': 2, 'total-failure-session-count': 2 },
        'failure-details': [
          {
            'result-type': 'certificate-expired',
            'sending-mta-ip': '192.0.2.1',
            'receiving-mx-hostname': 'mx.a.test',
            'receiving-mx-helo': 'mail.a.test',
            'receiving-ip': '198.51.100.7',
            'failed-session-count': 2,
            'failure-reason-code': 'CERT_HAS_EXPIRED',
          },
        ],
      },
      {
        policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'a.test' },
        summary: { 'total-successful-session-count': 0, 'total-failure-session-count': 2 },
        'failure-details': [
          { 'result-type': 'validation-failure', 'failed-session-count': 2, 'failure-reason-code': 'further failures, not told apart' },
        ],
      },
    ],
  });
});

test('the report by mail: multipart/report of tlsrpt, its headers, subject and file name, and the gzip in base64', () => {
  const made = facts((add) => add(policies[1] as ReportedPolicy));
  const packed = packReport(made);
  const text = reportMail({
    ...made,
    packed,
    from: 'tls@us.test',
    to: 'tls@a.test',
    submitter: 'mx.us.test',
    messageId: '<1@mx.us.test>',
    date: 'Sat, 28 Nov 2026 00:10:00 +0000',
  }).toString('latin1');
  const [head = '', ...parts] = text.split('\r\n\r\n');
  const unfolded = head.replaceAll('\r\n ', ' ').split('\r\n');
  for (const field of [
    'From: tls@us.test',
    'To: tls@a.test',
    'Subject: Report Domain: a.test Submitter: mx.us.test Report-ID: <0a1b@mx.us.test>',
    'TLS-Report-Domain: a.test',
    'TLS-Report-Submitter: mx.us.test',
    'Auto-Submitted: auto-generated',
    'Content-Type: multipart/report; report-type="tlsrpt"; boundary="=_tlsrpt_0a1b"',
  ])
    assert.ok(unfolded.includes(field), `${field} in ${head}`);
  assert.match(text, /Content-Type: application\/tlsrpt\+gzip\r\n/);
  assert.match(text, / filename="mx\.us\.test!a\.test!1795737600!1795823999!0a1b\.json\.gz"\r\n/);
  assert.ok(text.split('\r\n').every((line) => line.length <= 78));
  const base64 = (parts[3] ?? '').split('\r\n--')[0] ?? '';
  assert.deepEqual(JSON.parse(gunzipSync(Buffer.from(base64, 'base64')).toString()), reportJson(made));
});

const dir = mkdtempSync(join(tmpdir(), 'impetus-tlsrpt-'));
let server: Server;
let ca: Buffer;
let respond: (response: ServerResponse) => void = (response) => response.writeHead(200).end();
const taken: { line: string; type: string | undefined; body: Buffer }[] = [];
before(async () => {
  makeAuthority(dir);
  const { cert, key } = makeCertificate(dir, 'https', { names: ['in.a.test'] });
  ca = readFileSync(join(dir, 'ca.pem'));
  server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      taken.push({
        line: `${request.method} ${request.headers.host} ${request.url}`,
        type: request.headers['content-type'],
        body: Buffer.concat(chunks),
      });
      respond(response);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
after(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(dir, { recursive: true, force: true });
});

interface Post {
  readonly url?: string;
  readonly answer?: DnsAnswer;
  readonly isAllowed?: boolean;
  readonly isTrusted?: boolean;
  readonly onLater?: (work: () => void) => void;
}

function posted({ url = 'https://in.a.test/v1/x?y=1', answer, isAllowed = true, isTrusted = true, onLater }: Post = {}): Promise<
  string | undefined
> {
  const here: DnsAnswer = {
    kind: 'records',
    name: 'x',
    records: [{ type: 'A', name: 'x', ttl: 1, address: '127.0.0.1' }],
    ttl: 1,
    isAuthenticated: false,
  };
  const ports = {
    dns: { query: (_name: string, _type: string, hear: (found: DnsAnswer) => void) => hear(answer ?? here) },
    isAllowed: () => isAllowed,
    authorities: () => (isTrusted ? ca : undefined),
    later: (_ms: number, work: () => void) => (onLater?.(work), () => undefined),
    port: (server.address() as { port: number }).port,
  };
  return new Promise((done) => postReport({ url, packed: Buffer.from('zipped') }, ports, done));
}

test('the report over HTTPS: POST of application/tlsrpt+gzip; 200 to 299 is taken, all else is not', async () => {
  assert.equal(await posted(), undefined);
  assert.deepEqual(taken, [{ line: 'POST in.a.test /v1/x?y=1', type: 'application/tlsrpt+gzip', body: Buffer.from('zipped') }]);
  respond = (response) => response.writeHead(201).end('x'.repeat(100_000));
  assert.equal(await posted(), undefined);
  for (const status of [301, 404, 500]) {
    respond = (response) => response.writeHead(status, { location: 'https://in.a.test/elsewhere' }).end();
    assert.match((await posted()) ?? '', new RegExp(`^answered with status ${status}; redirects are not followed`));
  }
  assert.ok(!taken.some(({ line }) => line.includes('elsewhere')));
});

test('A52: a report goes to no address that is not allowed, no name without a certificate that holds, and waits for no one for ever', async () => {
  const before = taken.length;
  assert.equal(await posted({ isAllowed: false }), 'is in a network that is not connected to');
  assert.equal(await posted({ answer: { kind: 'nxdomain', ttl: 1, isAuthenticated: false } }), 'has no address');
  assert.equal(await posted({ answer: { kind: 'failed', failure: 'servfail', reason: 'sick' } }), 'sick');
  assert.match((await posted({ isTrusted: false })) ?? '', /self-signed|unable to (?:verify|get)/);
  assert.match((await posted({ url: 'https://other.a.test/' })) ?? '', /altnames|Hostname/);
  assert.equal(taken.length, before);
  let late = (): void => undefined;
  respond = () => late();
  assert.equal(await posted({ onLater: (work) => (late = work) }), 'no answer within 30 s');
  respond = (response) => void response.socket?.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n`);
  assert.match((await posted()) ?? '', /overflow/i);
});
