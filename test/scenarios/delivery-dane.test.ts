/**
 * DANE and MTA-STS towards next hops, as a verifying name server with a signed zone shows it: the decision table of RFC 7672, a case a domain.
 *
 * The one rule: every case is its own domain and host, all are sent at once, and what counts is whether a message arrived, over what, or why not. Hosts share
 * three hops: `ee` (a certificate that is over, with another name), `ta` (one of an authority, which it shows too) and `bare` (no STARTTLS).
 */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { ConsoleUser } from '../kit/console.ts';
import { startDnsServer } from '../kit/dns-server.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { startServer, until } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { hasSigner, hasUnbound, startVerifyingUnbound } from '../kit/unbound.ts';

const spki = (pem: string): Buffer => new X509Certificate(pem).publicKey.export({ format: 'der', type: 'spki' });
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const zeros = '00'.repeat(32);

type Outcome = 'tls' | 'clear' | RegExp;
interface Case {
  readonly hop: 'ee' | 'ta' | 'bare';
  /** Records behind `_PORT._tcp.HOST`. */
  readonly tlsa?: readonly string[];
  readonly expect: Outcome;
}

/** Policies where senders look for them: the port cannot be another one. */
const policyAddress = '127.0.84.61';

async function servePolicies(t: TestContext, o: { key: string; cert: string; mxOf: Readonly<Record<string, string>> }): Promise<boolean> {
  const https = createServer(o, (request, response) => {
    const mx = o.mxOf[request.headers.host ?? ''];
    response.writeHead(200, { 'content-type': 'text/plain' }).end(`version: STSv1\nmode: enforce\nmx: ${mx}\nmax_age: 86400\n`);
  });
  const isOpen = await new Promise<boolean>((done) => {
    https.once('error', () => done(false));
    https.listen(443, policyAddress, () => done(true));
  });
  t.after(() => void https.close());
  return isOpen;
}

test(
  'A46, OUT-60, OUT-61: the decision table of DANE with a signed zone: secure, insecure, bogus, aliases, usages, unusable records; and off without a verifying resolver',
  { skip: !hasUnbound || !hasSigner },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'impetus-dane-'));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    makeAuthority(dir);
    const ca = readFileSync(join(dir, 'ca.pem'), 'utf8');
    const pair = (name: string, o: { days?: number; names: string[] }): { key: string; cert: string } => {
      const made = makeCertificate(dir, name, o);
      return { key: readFileSync(made.key, 'utf8'), cert: readFileSync(made.cert, 'utf8') };
    };
    const eePair = pair('ee', { days: -1, names: ['elsewhere.test'] });
    const taPair = pair('ta', { names: ['ta211.secure.test', 'taalias.secure.test'] });
    const ee = await startSink(t, { tls: eePair });
    const ta = await startSink(t, { host: '127.0.0.2', port: ee.port, tls: { key: taPair.key, cert: taPair.cert + ca } });
    const bare = await startSink(t, { host: '127.0.0.3', port: ee.port });
    const hops = { ee, ta, bare };
    const addresses = { ee: '127.0.0.1', ta: '127.0.0.2', bare: '127.0.0.3' };
    const eeKey = sha256(spki(eePair.cert));
    const caKey = sha256(spki(ca));
    const unusable = ['TYPE52 \\# 3 030101', 'TYPE52 \\# 6 030101aabbcc', `TYPE52 \\# 23 030101${'ab'.repeat(20)}`, `TLSA 1 1 1 ${eeKey}`];
    const noMatch = /DANE: no TLSA record matches the certificate \(DANE, TLSA of _\d+\._tcp\./;
    const cases: Readonly<Record<string, Case>> = {
      ee311: { hop: 'ee', tlsa: [`TLSA 3 1 1 ${eeKey}`], expect: 'tls' },
      two311: { hop: 'ee', tlsa: [`TLSA 3 1 1 ${zeros}`, `TLSA 3 1 1 ${eeKey}`], expect: 'tls' },
      bad311: { hop: 'ee', tlsa: [`TLSA 3 1 1 ${zeros}`], expect: noMatch },
      ta211: { hop: 'ta', tlsa: [`TLSA 2 1 1 ${caKey}`], expect: 'tls' },
      ca311: { hop: 'ta', tlsa: [`TLSA 3 1 1 ${caKey}`], expect: noMatch },
      ee211: { hop: 'ee', tlsa: [`TLSA 2 1 1 ${eeKey}`], expect: noMatch },
      taname: { hop: 'ta', tlsa: [`TLSA 2 1 1 ${caKey}`], expect: /DANE: the certificate names none of taname\.secure\.test/ },
      odd: { hop: 'ee', tlsa: unusable, expect: 'tls' },
      oddbare: { hop: 'bare', tlsa: unusable, expect: /STARTTLS required but not advertised \(DANE, TLSA of/ },
      bare311: { hop: 'bare', tlsa: [`TLSA 3 1 1 ${eeKey}`], expect: /^451 4\.7\.6 .*not advertised \(DANE, TLSA of/ },
      none: { hop: 'ee', expect: 'clear' },
      liedtlsa: { hop: 'ee', tlsa: [`TLSA 3 1 1 ${'fe'.repeat(32)}`], expect: /^451 4\.7\.5 .*DANE: TLSA of _\d+\._tcp\.liedtlsa/ },
      liedhost: { hop: 'ee', tlsa: [`TLSA 3 1 1 ${eeKey}`], expect: /^451 4\.4\.3 .*DNS lookup failed/ },
    };
    const port = ee.port;
    const hosts = Object.entries(cases).map(([name, { hop, tlsa = [] }]) =>
      [`${name} A ${addresses[hop]}`, `to-${name} MX 10 ${name}`, ...tlsa.map((record) => `_${port}._tcp.${name} ${record}`)].join('\n'),
    );
    const more = `
to-plainhost MX 10 host.plain.test.
taalias CNAME ta211
to-taalias MX 10 taalias
ownalias CNAME none
to-ownalias MX 10 ownalias
_${port}._tcp.ownalias TLSA 3 1 1 ${zeros}
out CNAME host.plain.test.
to-out MX 10 out
_${port}._tcp.out TLSA 3 1 1 ${zeros}
to-liedmx MX 10 ee311
to-off MX 10 bad311
`;
    const expected: Record<string, Outcome> = Object.fromEntries(
      Object.entries(cases).map(([name, { expect }]) => [`to-${name}.secure.test`, expect]),
    );
    Object.assign(expected, {
      // A host outside the signed zone, and signed hosts of a domain that is not signed: as without DANE.
      'to-plainhost.secure.test': 'clear',
      'to-insecure.plain.test': 'clear',
      'to-taalias.secure.test': 'tls',
      'to-ownalias.secure.test': noMatch,
      'to-out.secure.test': noMatch,
      'to-liedmx.secure.test': /^451 4\.4\.3 .*DNS lookup failed/,
      // Enable_DANE = false of its own.
      'to-off.secure.test': 'clear',
    } satisfies Record<string, Outcome>);
    const stsPair = pair('https', { names: ['mta-sts.sts.plain.test', 'mta-sts.liar.plain.test'] });
    const mxOf = { 'mta-sts.sts.plain.test': 'ta211.secure.test', 'mta-sts.liar.plain.test': 'mx.liar.plain.test' };
    const hasPolicies = await servePolicies(t, { ...stsPair, mxOf });
    const sts = (name: string): string =>
      `${name} MX 10 ta211.secure.test.\n_mta-sts.${name} TXT "v=STSv1; id=20261128"\nmta-sts.${name} A ${policyAddress}`;
    const unbound = await startVerifyingUnbound(t, {
      secure: hosts.join('\n') + more,
      plain: `host A 127.0.0.1\n_${port}._tcp.host TLSA 3 1 1 ${zeros}\nto-insecure MX 10 bad311.secure.test.\nto-late MX 10 host\n${sts('sts')}\n${sts('liar')}`,
      forge: (line) => {
        if (/^liedhost\S*\s+\d+\s+IN\s+A\s/.test(line)) return line.replace('127.0.0.1', '127.0.0.2');
        if (/^to-liedmx\S*\s+\d+\s+IN\s+MX\s/.test(line)) return line.replace('ee311', 'none');
        return line.replace(/fe{62}|(?:fe){32}/i, 'fd'.repeat(32));
      },
    });
    const server = await startServer(t, {
      conf: `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
Host_Failure_Retry = 600
Retry_Interval = 3600
Idle_Timeout = 1
TLS_CA = "{dir}/ca.pem"
custom_logger "tls" {
  namespace = "custom_logger,sieve,outbound_tls"
  mainlog = "{dir}/tls.log"
  delivery_format = "%R %local_ip %outbound_tls %outbound_tls_type %outbound_tls_protocol %outbound_tls_cipher_usebits %outbound_tls_verified %outbound_tls_subject"
  transient_failure_format = "%R %outbound_tls"
}
MTA_STS_Policy_Store = "{dir}/mtasts"
dane { Self_Test_Name = "secure.test" }
Use_DANE = true
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "to-off.secure.test" { Enable_DANE = false }
Domain "/^(sts|liar)\\./" { Use_MTA_STS = true Enable_MTA_STS = true }
`,
      files: { 'ca.pem': ca, 'resolv.conf': `${unbound.line}\noptions timeout:5 attempts:1\n` },
      ports: { hop: port },
    });
    const user = await ConsoleUser.open(server);
    t.after(() => user.close());
    await until(async () => /DANE is on: the name servers verify/.test(await user.run('dane status')), 'the self-test');
    for (const domain of Object.keys(expected)) assert.match(await handIn(server, `u@${domain}`, { from: '' }), /^250 /);
    for (const [domain, outcome] of Object.entries(expected)) {
      await t.test(`${domain}: ${String(outcome)}`, async () => {
        if (outcome instanceof RegExp) {
          const [record] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === domain);
          assert.match(record?.fields.at(-1) ?? '', outcome);
          for (const hop of Object.values(hops)) assert.equal(mailFor(hop, domain).length, 0);
          return;
        }
        await until(() => Object.values(hops).some((hop) => mailFor(hop, domain).length > 0), `mail for ${domain}`, 20);
        const [message] = Object.values(hops).flatMap((hop) => mailFor(hop, domain));
        assert.equal(message?.isTls, outcome === 'tls');
      });
    }
    await t.test('explain says what holds the mail, which policy it is and where it is switched on', async () => {
      const text = await user.run('explain queue default to-bad311.secure.test');
      assert.match(text, /DANE: no TLSA record matches[\s\S]*Set in:\s+.*ecelerity\.conf:\d+[\s\S]*Use_DANE false/, text);
    });
    await t.test('OUT-64: custom_logger has the macros of outbound_tls', async () => {
      const lines = [
        /^to-ee311\.secure\.test 127\.0\.0\.1 TLS required TLSv1\.3 (?:128|256) verified ee\.test$/m,
        // Encrypted because of records that cannot be used: nothing was verified.
        /^to-odd\.secure\.test 127\.0\.0\.1 TLS required TLSv1\.3 (?:128|256) unverified ee\.test$/m,
        /^to-none\.secure\.test 127\.0\.0\.1 SMTP no {3}unverified $/m,
        /^to-bad311\.secure\.test unknown$/m,
      ];
      for (const line of lines)
        await until(
          () => line.test(server.read('tls.log')),
          () => `${String(line)} in ${server.read('tls.log')}`,
        );
    });
    await t.test('OUT-63: tls show cache lists contexts towards next hops, tls flush cache drops them', async () => {
      assert.match(await user.run('tls show cache'), /listener none \(next hops\)[\s\S]*ca list: .*ca\.pem/);
      assert.match(await user.run('tls flush cache'), /submitted/);
      assert.doesNotMatch(await user.run('tls show cache'), /next hops/);
    });
    await t.test('MTA-STS: an enforced policy is fetched, kept and met; a host that it does not name gets nothing', async (t) => {
      if (!hasPolicies) return t.skip('port 443 of the loopback network cannot be used');
      for (const domain of ['sts.plain.test', 'liar.plain.test']) assert.match(await handIn(server, `u@${domain}`, { from: '' }), /^250 /);
      const [message] = await arrivals(ta, 'sts.plain.test');
      assert.equal(message?.isTls, true);
      const [record] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === 'liar.plain.test');
      assert.match(
        record?.fields.at(-1) ?? '',
        /^451 4\.7\.5 \[internal\] MTA-STS: ta211\.secure\.test is no mail host by the policy of liar\.plain\.test/,
      );
      assert.match(
        await user.run('mta_sts show domain sts.plain.test'),
        /id: 20261128\n.*max_age: 86400[\s\S]*mode: enforce[\s\S]*ta211\.secure\.test/,
      );
      assert.match(
        await user.run('domain sts.plain.test'),
        /Domain 'sts\.plain\.test' has MTA-STS TXT[\s\S]*mode: enforce[\s\S]*Statistics:/,
      );
      assert.match(await user.run('mta_sts list all'), /liar\.plain\.test\nsts\.plain\.test\nTotal domains: 2/);
      assert.match(await user.run('mta_sts refresh policy sts.plain.test'), /refreshed/);
      const text = await user.run('explain queue default liar.plain.test');
      assert.match(text, /MTA-STS[\s\S]*Set in:\s+.*ecelerity\.conf:\d+[\s\S]*Use_MTA_STS false/);
      await until(() => existsSync(join(server.dir, 'mtasts', 'sts.plain.test')), 'the policy on disk');
    });
    await t.test('a resolver that does not verify turns DANE off, loudly, and the mail is not held', async () => {
      const plain = await startDnsServer(t, {
        zones: {
          'secure.test': { A: ['127.0.0.1'] },
          'to-late.plain.test': { MX: ['10 host.plain.test'] },
          'host.plain.test': { A: ['127.0.0.1'] },
        },
      });
      writeFileSync(join(server.dir, 'resolv.conf'), `${plain.line}\n`);
      await user.run('config reload');
      await until(async () => /off: a name server does not verify/.test(await user.run('dane status')), 'the self-test');
      const said = /DANE is off: name server 127\.0\.0\.1 does not verify DNSSEC/;
      await until(() => said.test(server.read('paniclog.ec')), 'the paniclog');
      assert.match(await handIn(server, 'u@to-late.plain.test', { from: '' }), /^250 /);
      const [message] = await arrivals(ee, 'to-late.plain.test');
      assert.equal(message?.isTls, false);
    });
  },
);
