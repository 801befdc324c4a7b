/**
 * TLS reports as a receiver gets them: hosts with broken TLS, two loops that count, a restart, and the reports by mail and HTTPS.
 *
 * The one rule: the report is read by what is not ours, Python's email and json, and its signature is verified by mailauth.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { ConsoleUser } from '../kit/console.ts';
import { startDnsServer, type ZoneRecords } from '../kit/dns-server.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { hasProgram, run, startServer, until } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';

const webAddress = '127.0.84.62';
const bare = Array.from({ length: 6 }, (_, i) => `bare${i}.test`);
const python = `
import email, email.policy, gzip, json, sys
mail = email.message_from_bytes(open(sys.argv[1], 'rb').read(), policy=email.policy.default)
part = [one for one in mail.walk() if one.get_content_type() == 'application/tlsrpt+gzip'][0]
print(json.dumps({
  'type': mail.get_content_type(), 'report-type': mail['Content-Type'].params['report-type'], 'defects': len(mail.defects),
  'subject': mail['Subject'], 'domain': mail['TLS-Report-Domain'], 'submitter': mail['TLS-Report-Submitter'], 'to': mail['To'],
  'file': part.get_filename(), 'report': json.loads(gzip.decompress(part.get_payload(decode=True))),
}))
`;

interface Post {
  readonly line: string;
  readonly report: {
    policies: { policy: Record<string, unknown>; summary: Record<string, number>; 'failure-details'?: Record<string, unknown>[] }[];
  };
}

/** Serves the policy of sts.test, and takes reports. undefined: port 443 of the loopback network cannot be had. */
async function serveWeb(t: TestContext, pair: { key: string; cert: string }): Promise<Post[] | undefined> {
  const posts: Post[] = [];
  const https = createServer(pair, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'POST')
        posts.push({
          line: `${request.headers.host}${request.url}`,
          report: JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) as Post['report'],
        });
      response.writeHead(200, { 'content-type': 'text/plain' }).end('version: STSv1\nmode: enforce\nmx: mx.sts.test\nmax_age: 86400\n');
    });
  });
  const isOpen = await new Promise<boolean>((done) => {
    https.once('error', () => done(false));
    https.listen(443, webAddress, () => done(true));
  });
  t.after(() => void https.close());
  return isOpen ? posts : undefined;
}

test(
  'TLS-RPT: results of two loops come together, outlive a restart, and leave as one signed report per domain that wants one, by mail and HTTPS, and no session of a report is counted',
  { skip: !hasProgram('python3') },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'impetus-tlsrpt-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    makeAuthority(dir);
    const pair = (name: string, names: string[]): { key: string; cert: string } => {
      const made = makeCertificate(dir, name, { names });
      return { key: readFileSync(made.key, 'utf8'), cert: readFileSync(made.cert, 'utf8') };
    };
    const posts = await serveWeb(t, pair('https', ['mta-sts.sts.test', 'in.rep.test']));
    const clear = await startSink(t, {});
    const wrong = await startSink(t, { host: '127.0.0.2', port: clear.port, tls: pair('wrong', ['elsewhere.test']) });
    const reports = await startSink(t, { host: '127.0.0.3', port: clear.port });
    const wish = (text: string): ZoneRecords => ({ TXT: [`v=TLSRPTv1; rua=${text}`] });
    const dns = await startDnsServer(t, {
      zones: {
        ...Object.fromEntries(bare.map((domain) => [domain, { MX: ['10 mx.bare.test'] }])),
        'mx.bare.test': { A: ['127.0.0.1'] },
        '_smtp._tls.bare0.test': wish('mailto:r@rep.test'),
        '_smtp._tls.bare1.test': wish('mailto:broken'),
        'sts.test': { MX: ['10 mx.sts.test'] },
        'mx.sts.test': { A: ['127.0.0.2'] },
        '_mta-sts.sts.test': { TXT: ['v=STSv1; id=1'] },
        'mta-sts.sts.test': { A: [webAddress] },
        '_smtp._tls.sts.test': wish('https://in.rep.test/v1'),
        'in.rep.test': { A: [webAddress] },
        'rep.test': { MX: ['10 mx.rep.test'] },
        'mx.rep.test': { A: ['127.0.0.3'] },
      },
    });
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const server = await startServer(t, {
      conf: `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Host_Failure_Retry = 600
TLS_CA = "{dir}/ca.pem"
TLS = ifavailable
MTA_STS_Policy_Store = "{dir}/mtasts"
Use_MTA_STS = true
EventLoop "pool" { Concurrency = 2 }
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Binding "plain" { Enable_MTA_STS = false Enable_DANE = false TLS = no }
tls_rpt {
  Organization_Name = "Us and Sons"
  Contact_Info = "postmaster@us.test"
  Report_From = "tls-reports@us.test"
  Report_Binding = "plain"
  Store_File = "{dir}/tls_rpt.json"
}
opendkim "reports" {
  header_canon = "relaxed"
  body_canon = "relaxed"
  headerlist = ( "From", "Subject", "To" )
  key = "{dir}/key.pem"
  dkim_domain "us.test" { selector = "r" }
}
`,
      files: {
        'ca.pem': readFileSync(join(dir, 'ca.pem'), 'utf8'),
        'key.pem': String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
        'resolv.conf': `${dns.line}\noptions timeout:5 attempts:1\n`,
      },
      ports: { hop: clear.port },
    });
    let user = await ConsoleUser.open(server);
    t.after(() => user.close());
    assert.match(await user.run('tls_rpt status'), /^Since .*: 0 domains, 0 sessions, 0 of them failed\nReports: 0 wait, 0 sent/);
    for (const domain of bare) assert.match(await handIn(server, `u@${domain}`, { from: '' }), /^250 /);
    if (posts !== undefined) assert.match(await handIn(server, 'u@sts.test', { from: '' }), /^250 /);
    for (const domain of bare) await arrivals(clear, domain);
    const all = posts === undefined ? bare.length : bare.length + 1;
    const counted = new RegExp(`${all} domains, ${all} sessions, ${all} of them failed`);
    await until(async () => counted.test(await user.run('tls_rpt status')), 'the counts of all loops');
    assert.equal(mailFor(wrong, 'sts.test').length, 0);

    user.close();
    assert.equal((await server.stop()).code, 0);
    assert.match(server.read('tls_rpt.json'), /"bare5\.test"/);
    await server.start();
    user = await ConsoleUser.open(server);
    assert.match(await user.run('tls_rpt status'), counted);
    assert.match(
      await user.run('tls_rpt show domain bare3.test'),
      /"policy-type": "no-policy-found"[\s\S]*"result-type": "starttls-not-supported"/,
    );
    assert.match(await user.run('tls_rpt show domain nobody.test'), /Nothing is counted/);
    assert.match(await user.run('tls_rpt send'), new RegExp(`Reports to be sent: ${all}$`));

    const [mail] = await arrivals(reports, 'rep.test');
    assert.ok(mail !== undefined);
    assert.match(mail.mailFrom, /<tls-reports@us\.test>/);
    const path = join(dir, 'report.eml');
    writeFileSync(path, mail.data);
    const { out, err } = await run('python3', ['-c', python, path]);
    assert.ok(out !== '', err);
    const read = JSON.parse(out) as Record<string, unknown> & { report: Record<string, unknown> & Post['report'] };
    assert.deepEqual(
      [read['type'], read['report-type'], read['defects'], read['domain'], read['submitter'], read['to']],
      ['multipart/report', 'tlsrpt', 0, 'bare0.test', 'mx.impetus.test', 'r@rep.test'],
    );
    const id = String(read.report['report-id']);
    assert.equal(read['subject'], `Report Domain: bare0.test Submitter: mx.impetus.test Report-ID: <${id}>`);
    assert.match(String(read['file']), /^mx\.impetus\.test!bare0\.test!\d+!\d+![0-9a-f]+\.json\.gz$/);
    assert.deepEqual([read.report['organization-name'], read.report['contact-info']], ['Us and Sons', 'postmaster@us.test']);
    assert.deepEqual(read.report.policies, [
      {
        policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'bare0.test' },
        summary: { 'total-successful-session-count': 0, 'total-failure-session-count': 1 },
        'failure-details': [
          {
            'result-type': 'starttls-not-supported',
            'sending-mta-ip': '127.0.0.1',
            'receiving-mx-hostname': 'mx.bare.test',
            'receiving-mx-helo': 'sink.test',
            'receiving-ip': '127.0.0.1',
            'failed-session-count': 1,
          },
        ],
      },
    ]);
    const record = `v=DKIM1; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
    const { results } = await dkimVerify(mail.data, { resolver: () => Promise.resolve([[record]]) });
    assert.deepEqual(
      results.map(({ signingDomain, status }) => `${signingDomain} ${status.result}`),
      ['us.test pass'],
    );

    const done = new RegExp(
      `: 0 domains, 0 sessions, 0 of them failed\\nReports: 0 wait, ${posts === undefined ? 1 : 2} sent, 5 wanted by nobody, 0 given up$`,
    );
    await until(
      async () => done.test(await user.run('tls_rpt status')),
      () => `all reports to be away: ${server.read('paniclog.ec')}`,
    );
    assert.equal(reports.messages.length, 1);
    if (posts === undefined) return;
    const [post] = posts;
    assert.deepEqual([posts.length, post?.line], [1, 'in.rep.test/v1']);
    const [policy] = post?.report.policies ?? [];
    assert.deepEqual(policy?.policy, {
      'policy-type': 'sts',
      'policy-string': ['version: STSv1', 'mode: enforce', 'mx: mx.sts.test', 'max_age: 86400'],
      'policy-domain': 'sts.test',
      'mx-host': ['mx.sts.test'],
    });
    assert.equal(policy?.['failure-details']?.[0]?.['result-type'], 'certificate-host-mismatch');
  },
);
