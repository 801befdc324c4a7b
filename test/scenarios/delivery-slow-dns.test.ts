/**
 * A name server that is slow with TLSA records, or never answers for them: mail that asks for DANE waits and is never sent without, other mail is not held up.
 *
 * The one rule: all hosts are one address, as with a provider of many domains, so whatever is remembered of it must be remembered of the domain.
 */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeSelfSigned } from '../kit/certificates.ts';
import { ConsoleUser } from '../kit/console.ts';
import { DnsServer, type Misbehaviour } from '../kit/dns-server.ts';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'impetus-slow-dns-'));
const pair = makeSelfSigned(folder, 'mx');
const tls = { key: readFileSync(pair.key, 'utf8'), cert: readFileSync(pair.cert, 'utf8') };
const key = new X509Certificate(tls.cert).publicKey.export({ format: 'der', type: 'spki' });
const good = `3 1 1 ${createHash('sha256').update(key).digest('hex')}`;

/** Twenty domains whose TLSA records nobody tells. */
const silent = Array.from({ length: 20 }, (_, i) => `silent${i}.test`);
const hop = new Sink({ tls });
const dns = new DnsServer({ zones: {}, authenticated: true });
let server: Server;

const isAsked = (domain: string): boolean => dns.asked.includes(`TLSA _${hop.port}._tcp.mx.${domain}`);

before(async () => {
  await Promise.all([hop.listen(), dns.listen()]);
  dns.zones.set('signed.test', { A: ['127.0.0.1'] });
  for (const domain of [...silent, 'late.test', 'none.test', 'other.test']) {
    dns.zones.set(domain, { MX: [`10 mx.${domain}`] });
    dns.zones.set(`mx.${domain}`, { A: ['127.0.0.1'] });
    if (domain !== 'none.test') dns.zones.set(`_${hop.port}._tcp.mx.${domain}`, { TLSA: [good] });
  }
  dns.misbehave = ({ name, type }): Misbehaviour | undefined => {
    if (type !== 'TLSA') return undefined;
    if (name.includes('.silent')) return 'drop';
    return name.endsWith('.late.test') ? { delayMs: 1_000 } : undefined;
  };
  server = await prepareServer({
    conf: `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
Host_Failure_Retry = 1
Retry_Interval = 2
Max_Retry_Interval = 2
dane { Self_Test_Name = "signed.test" }
Use_DANE = true
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "other.test" { Enable_DANE = false }
`,
    files: { 'resolv.conf': `${dns.line}\noptions timeout:7 attempts:1\n` },
    ports: { hop: hop.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([hop.close(), dns.close()]);
  rmSync(folder, { recursive: true, force: true });
});

test('A46, OUT-60: TLSA that is never answered for delays that mail and no other, TLSA that comes late counts, and neither is ever sent without DANE', async () => {
  const user = await ConsoleUser.open(server);
  await until(async () => /DANE is on: the name servers verify/.test(await user.run('dane status')), 'the self-test');
  for (const domain of silent) assert.match(await handIn(server, `u@${domain}`, { from: '' }), /^250 /);
  await until(() => silent.every(isAsked), 'all twenty questions');
  // While they are open: other mail, to the same address.
  for (const domain of ['late.test', 'none.test', 'other.test']) assert.match(await handIn(server, `u@${domain}`, { from: '' }), /^250 /);
  assert.equal((await arrivals(hop, 'other.test'))[0]?.isTls, false);
  assert.equal((await arrivals(hop, 'none.test'))[0]?.isTls, false);
  assert.equal((await arrivals(hop, 'late.test'))[0]?.isTls, true, 'late, and in time');
  assert.deepEqual(mainRecords(server, 'T'), [], 'nothing of it had to wait for the end of those questions');
  for (const domain of silent) {
    const [record] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === domain);
    assert.match(record?.fields.at(-1) ?? '', /^451 4\.7\.5 \[internal\] DANE: TLSA of _\d+\._tcp\.mx\.silent/);
    assert.equal(mailFor(hop, domain).length, 0);
  }
  assert.match(
    await user.run('domain late.test'),
    new RegExp(
      `10 mx\\.late\\.test[^]*1 TLSA of _${hop.port}\\._tcp\\.mx\\.late\\.test \\(signed, for \\d+ s\\)\n\t  TLSA ${good}\n[^]*DANE is on: the name`,
    ),
  );
  assert.match(await user.run('domain none.test'), /no TLSA of _\d+\._tcp\.mx\.none\.test \(signed, for \d+ s\)/);
  assert.doesNotMatch(await user.run('domain other.test'), /TLSA/, 'nobody asked');
  assert.match(await user.run(`dns_cache lookup _${hop.port}._tcp.mx.late.test TLSA`), new RegExp(`TLSA ${good}`));
  // The records are told at last.
  dns.misbehave = () => undefined;
  for (const domain of silent) {
    await until(() => mailFor(hop, domain).length === 1, `mail for ${domain}`, 30);
    assert.equal(mailFor(hop, domain)[0]?.isTls, true, domain);
  }
  user.close();
});
