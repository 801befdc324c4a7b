/**
 * Real clients that speak for others: swaks as a load balancer with the PROXY protocol and as a gateway with XCLIENT, through a Unix socket
 * too, and a whole Postfix as a relay in front of us.
 *
 * The one rule: what they send arrives whole, and trace headers name the client they spoke for.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { mailOf, maildir, onlyMail, whole } from '../kit/mailbox.ts';
import { startPostfix } from '../kit/postfix.ts';
import { hasProgram, run, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-trusted-'));
after(() => rmSync(dir, { recursive: true, force: true }));
makeAuthority(dir);
const mx = makeCertificate(dir, 'mx', { names: ['mx.test'] });

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  TLS_Certificate = "${mx.cert}"
  TLS_Key = "${mx.key}"
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "STARTTLS" )
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:proxied}" { Proxy_Protocol_Hosts = ( 127.0.0.0/8 ) }
  Listen "127.0.0.1:{port:closed}" { Proxy_Protocol_Hosts = ( 192.0.2.1 ) }
  Listen "{dir}/smtp.sock" { File_Mode = 0600 SMTP_Extensions = ( "XCLIENT" ) }
}
${maildir}`,
});
const at = (name: string) => `127.0.0.1:${shared.port(name)}`;
const mail = (user: string) => ['--from', 'a@client.test', '--to', `${user}@inbox.test`];

test('swaks says by the PROXY protocol, version 1 and 2, IPv4 and IPv6, for whom it speaks, before TLS too (A79, Proxy_Protocol_Hosts)', async (t) => {
  if (!hasProgram('swaks')) return t.skip('swaks is not installed');
  for (const [version, family, source, dest] of [
    ['1', 'TCP4', '198.51.100.7', '203.0.113.1'],
    ['1', 'TCP6', '2001:db8::7', '2001:db8::1'],
    ['2', 'AF_INET', '198.51.100.8', '203.0.113.1'],
  ] as const) {
    const user = `proxy-${version}-${family.toLowerCase()}`;
    const header = ['--proxy-version', version, '--proxy-family', family, '--proxy-source', source, '--proxy-source-port', '4711'];
    const words = ['--server', at('proxied'), ...mail(user), ...header, '--proxy-dest', dest, '--proxy-dest-port', '25', '--tls'];
    const result = await run('swaks', words);
    assert.equal(result.code, 0, result.out + result.err);
    await until(() => mailOf(shared.server, user).length === 1, user);
    assert.ok(mailOf(shared.server, user)[0]?.includes(source), user);
  }
  const header = ['--proxy', 'TCP4 198.51.100.7 203.0.113.1 1 25'];
  const refused = await run('swaks', ['--server', at('closed'), ...mail('nobody'), ...header, '--timeout', '20s']);
  assert.notEqual(refused.code, 0);
  assert.doesNotMatch(refused.out, /220 /);
  return undefined;
});

test('swaks sends through a Unix socket, in a pipeline, and by XCLIENT for another client (EXT-02)', async (t) => {
  if (!hasProgram('swaks')) return t.skip('swaks is not installed');
  const socket = ['--socket', shared.server.path('smtp.sock')];
  for (const [user, more] of [
    ['unix', []],
    ['unix-piped', ['--pipeline']],
    ['unix-xclient', ['--xclient-addr', '198.51.100.9', '--xclient-helo', 'behind.test', '--xclient-name', 'behind.test']],
  ] as const) {
    const result = await run('swaks', [...socket, ...mail(user), ...more]);
    assert.equal(result.code, 0, result.out + result.err);
    await until(() => mailOf(shared.server, user).length === 1, user);
  }
  assert.match(mailOf(shared.server, 'unix-xclient')[0] ?? '', /Received: from \[198\.51\.100\.9\]/);
  return undefined;
});

const isRoot = process.getuid?.() === 0;

test('a Postfix in front of us hands on what it took, over TLS that it verifies, byte for byte (TLSI-01)', async (t) => {
  if (!hasProgram('postfix') || !isRoot) return t.skip('Postfix is not installed, or this is not root');
  const postfix = await startPostfix(t, { port: shared.port(), ca: join(dir, 'ca.pem'), name: 'mx.test' });
  const client = await SmtpClient.greet(postfix.ports.data);
  const body = `Subject: relayed\r\n${whole}\r\n${'..dots\r\n.\r\n'.repeat(2000)}`.replace(/^\./gm, '..');
  for (let i = 0; i < 5; i++) {
    assert.match(await client.send('a@client.test', [`relay-${i}@inbox.test`, 'relay-all@inbox.test'], body.replace(/\r\n$/, '')), /^250/);
  }
  await client.quit();
  for (let i = 0; i < 5; i++) await until(() => mailOf(shared.server, `relay-${i}`).length === 1, `message ${i}`);
  await until(() => mailOf(shared.server, 'relay-all').length === 5, 'all five');
  const text = onlyMail(shared.server, 'relay-0');
  assert.match(mailOf(shared.server, 'relay-0')[0] ?? '', / with ESMTPS\r?\n/);
  assert.ok(text.endsWith('\r\n\r\n' + '..dots\r\n.\r\n'.repeat(2000)), text.slice(0, 2000));
  return undefined;
});
