/**
 * How real clients speak TLS with us: swaks, curl, nodemailer, openssl s_client with several names, and what testssl.sh thinks of it.
 *
 * The one rule: each believes the authority of this test and nothing else, so a certificate that is not the right one fails.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeAuthority, makeCertificate, makeDhParams, makeWhole } from '../kit/certificates.ts';
import { mailOf, maildir } from '../kit/mailbox.ts';
import { hasProgram, run, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { seriousFindings } from '../kit/testssl.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-clients-'));
after(() => rmSync(dir, { recursive: true, force: true }));
makeAuthority(dir);
const mx = makeCertificate(dir, 'mx', { names: ['mx.test', 'localhost'], key: 'rsa' });
const renewed = makeCertificate(dir, 'renewed', { names: ['renewed.test'] });
const live = { cert: join(dir, 'live.pem'), key: join(dir, 'live.key') };
copyFileSync(mx.cert, live.cert);
copyFileSync(mx.key, live.key);
const ca = join(dir, 'ca.pem');

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
TLS_DHParams_File = "${makeDhParams(dir)}"
ESMTP_Listener {
  TLS_Certificate = "${mx.cert}"
  TLS_Key = "${mx.key}"
  TLS_SNI_Certificates = ( "${makeWhole(dir, 'first', ['first.test', '*.first.test'])}" "${makeWhole(dir, 'second', ['second.test'])}" )
  SMTP_Extensions = ( "STARTTLS" "REQUIRETLS" "AUTH PLAIN" )
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:smtps}" { Use_SSL = true }
  Listen "127.0.0.1:{port:live}" { TLS_Certificate = "${live.cert}" TLS_Key = "${live.key}" TLS_SNI_Certificates = ( ) }
}
${maildir}`,
});
const at = (name = 'smtp') => `127.0.0.1:${shared.port(name)}`;
const text = 'From: a@client.test\r\nDate: Mon, 1 Jan 2029 00:00:00 +0000\r\n\r\nhello\r\n';

async function arrivedSecured(user: string): Promise<void> {
  await until(() => mailOf(shared.server, user).length === 1, `the mail of ${user}`);
  assert.match(mailOf(shared.server, user)[0] ?? '', / with ESMTPS\r?\n/);
}

test('swaks sends over STARTTLS and over TLS from the first byte, with a certificate that it verifies (TLSI-01, TLSI-04)', async (t) => {
  if (!hasProgram('swaks')) return t.skip('swaks is not installed');
  for (const [user, name, how] of [
    ['swaks-starttls', 'smtp', ['--tls', '--tls-verify', '--tls-ca-path', ca]],
    ['swaks-smtps', 'smtps', ['--tlsc', '--tls-verify', '--tls-ca-path', ca]],
  ] as const) {
    const result = await run('swaks', ['--server', at(name), '--from', 'a@client.test', '--to', `${user}@inbox.test`, ...how]);
    assert.equal(result.code, 0, result.out + result.err);
    await arrivedSecured(user);
  }
  return undefined;
});

test('curl insists on TLS and verifies the name (TLSI-01, TLSI-04)', async (t) => {
  if (!hasProgram('curl')) return t.skip('curl is not installed');
  for (const [user, scheme, name] of [
    ['curl-starttls', 'smtp', 'smtp'],
    ['curl-smtps', 'smtps', 'smtps'],
  ] as const) {
    const to = ['--ssl-reqd', '--cacert', ca, '--resolve', `mx.test:${shared.port(name)}:127.0.0.1`];
    const mail = ['--mail-from', 'a@client.test', '--mail-rcpt', `${user}@inbox.test`, '--upload-file', '-'];
    const words = ['--silent', '--show-error', '--url', `${scheme}://mx.test:${shared.port(name)}/client.test`, ...to, ...mail];
    const result = await run('curl', words, { input: text });
    assert.equal(result.code, 0, result.err);
    await arrivedSecured(user);
  }
  return undefined;
});

interface Nodemailer {
  createTransport(o: object): { sendMail(mail: object): Promise<{ response: string }>; close(): void };
}
const nodemailer = createRequire(import.meta.url)('nodemailer') as Nodemailer;

test('nodemailer upgrades by itself, and refuses a server whose name is not in the certificate (TLSI-01)', async () => {
  const to = (servername: string, name: string, secure: boolean) =>
    nodemailer.createTransport({
      host: '127.0.0.1',
      port: shared.port(name),
      secure,
      requireTLS: true,
      tls: { ca: readFileSync(ca), servername },
    });
  for (const [user, name, secure] of [
    ['node-starttls', 'smtp', false],
    ['node-smtps', 'smtps', true],
  ] as const) {
    const transport = to('deep.first.test', name, secure);
    await transport.sendMail({ from: 'a@client.test', to: `${user}@inbox.test`, text: 'hello' });
    transport.close();
    await arrivedSecured(user);
  }
  const stranger = to('other.test', 'smtp', false);
  await assert.rejects(stranger.sendMail({ from: 'a@client.test', to: 'x@inbox.test', text: 'hello' }), /altnames|ERR_TLS/);
  stranger.close();
});

/** What openssl says of a connection. */
async function client(name: string, ...more: string[]): Promise<string> {
  const { out, err } = await run('openssl', ['s_client', '-connect', at(name), '-CAfile', ca, ...more], { input: 'QUIT\r\n' });
  return out + err;
}

test('openssl s_client gets the certificate of the name it asks for, REQUIRETLS within TLS only, and DHE from TLS_DHParams_File (TLS_SNI_Certificates, TLS_DHParams_File, EXT-01)', async () => {
  for (const [asked, expected] of [
    ['first.test', 'first.test'],
    ['a.first.test', 'first.test'],
    ['second.test', 'second.test'],
    ['nobody.test', 'mx.test'],
  ] as const) {
    const said = await client('smtp', '-starttls', 'smtp', '-servername', asked);
    assert.match(said, new RegExp(`subject=O = Impetus, CN = ${expected.replace('.', '\\.')}`), asked);
    assert.match(said, /Verify return code: 0 \(ok\)/);
  }
  assert.match(await client('smtp', '-starttls', 'smtp', '-tls1_2', '-cipher', 'DHE'), /Cipher is DHE-RSA-/);
  const greeted = await run('openssl', ['s_client', '-connect', at('smtps'), '-quiet', '-crlf'], { input: 'EHLO c.test\nQUIT\n' });
  assert.match(greeted.out, /250.REQUIRETLS\r\n/);
  const clear = await shared.greet();
  assert.doesNotMatch(await clear.say('EHLO c.test'), /REQUIRETLS/);
  clear.socket.destroy();
});

test('a certificate that is renewed on the disk is shown to new clients without a reload (TLSI-01, TLS_Certificate)', async () => {
  assert.match(await client('live', '-starttls', 'smtp'), /CN = mx\.test/);
  copyFileSync(renewed.cert, live.cert);
  copyFileSync(renewed.key, live.key);
  await until(async () => /CN = renewed\.test/.test(await client('live', '-starttls', 'smtp')), 'the new certificate');
});

test("testssl.sh finds nothing serious but the test certificate's chain (TLSI-01, A37)", async (t) => {
  if (!hasProgram('testssl')) return t.skip('testssl.sh is not installed');
  // Versions, cipher lists, and the faults that are a server's own; the whole run, certificates and tickets with it, is in test/soak.
  const found = await seriousFindings(at(), dir, ['-p', '-s', '-H', '-I', '-C', '-R']);
  assert.deepEqual(found, []);
  return undefined;
});
