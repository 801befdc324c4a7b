/**
 * TLS with clients: STARTTLS, Use_SSL, what may be smuggled around it, client certificates, certificates that change or are missing.
 *
 * The one rule: what was said in clear counts for nothing afterwards. Clients are Node's TLS, swaks and openssl.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { memoryFiles, readConfiguration } from '#config';
import { makeAuthority, makeCertificate, makeSelfSigned } from '../kit/certificates.ts';
import { maildir, mailOf } from '../kit/mailbox.ts';
import { command, hasProgram, prepareServer, run, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-certs-'));
makeAuthority(dir);
const mx = makeCertificate(dir, 'mx');
const next = makeCertificate(dir, 'next');
const friend = makeCertificate(dir, 'friend');
const stranger = makeSelfSigned(dir, 'stranger');
const expired = makeCertificate(dir, 'expired', { days: -1 });
const live = { cert: join(dir, 'live.pem'), key: join(dir, 'live.key') };
copyFileSync(mx.cert, live.cert);
copyFileSync(mx.key, live.key);
after(() => rmSync(dir, { recursive: true, force: true }));

const shared = new SharedServer({
  conf: `
EventLoop "pool" { Concurrency = 2 }
Relay_Domains = ( "inbox.test" )
TLS_Client_CA = "${join(dir, 'ca.pem')}"
ESMTP_Listener {
  TLS_Certificate = "${mx.cert}"
  TLS_Key = "${mx.key}"
  SMTP_Extensions = ( "STARTTLS" )
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:smtps}" { Use_SSL = true }
  Listen "127.0.0.1:{port:ignore}" { STARTTLS_Injection_Policy = ignore }
  Listen "127.0.0.1:{port:allow}" { STARTTLS_Injection_Policy = allow }
  Listen "127.0.0.1:{port:plain}" { SMTP_Extensions = ( ) }
  Listen "127.0.0.1:{port:bare}" { TLS_Certificate = none }
  Listen "127.0.0.1:{port:trust}" { TLS_Verify_Mode = require TLS_Verified_Peer_Can_Relay = true }
  Listen "127.0.0.1:{port:old}" { TLS_Protocols = "+TLSv1.2" TLS_Ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384" }
}
${maildir}`,
});

/** Puts TLS over a client's connection; the promise fails when the handshake does. */
async function secure(client: SmtpClient, o: ConnectionOptions = {}): Promise<SmtpClient> {
  const socket = await new Promise<TLSSocket>((done, fail) => {
    client.socket.removeAllListeners('data');
    const tls = connectTls({ socket: client.socket, rejectUnauthorized: false, ...o });
    tls.once('secureConnect', () => done(tls)).once('error', fail);
  });
  return new SmtpClient(socket);
}

async function startTls(name: string, o: ConnectionOptions = {}): Promise<SmtpClient> {
  const client = await shared.greet(name);
  assert.match(await client.say('STARTTLS'), /^220 /);
  return secure(client, o);
}

const credentials = (pair: { cert: string; key: string }): ConnectionOptions => ({
  cert: readFileSync(pair.cert),
  key: readFileSync(pair.key),
});

async function isRelayed(client: SmtpClient): Promise<boolean> {
  await client.say('EHLO client.test');
  await client.say('MAIL FROM:<a@client.test>');
  return (await client.say('RCPT TO:<x@elsewhere.test>')).startsWith('250');
}

test('STARTTLS is the last line of the EHLO reply where it is listed and a certificate is there, and never within TLS (SMTP-02, TLSI-01, TLS_Certificate, TLS_Key)', async () => {
  const client = await SmtpClient.open(shared.port());
  await client.reply();
  assert.match(await client.say('EHLO client.test'), /250 STARTTLS$/);
  assert.match(await client.say('STARTTLS now'), /^501 /);
  assert.match(await client.say('STARTTLS'), /^220 /);
  const safe = await secure(client);
  const keywords = await safe.say('EHLO client.test');
  assert.match(keywords, /^250-/);
  assert.doesNotMatch(keywords, /STARTTLS/);
  assert.match(await safe.say('STARTTLS'), /^500 /);
  assert.match(await safe.say('NOOP'), /^250 /);
  for (const name of ['plain', 'bare']) {
    const other = await SmtpClient.open(shared.port(name));
    await other.reply();
    assert.doesNotMatch(await other.say('EHLO client.test'), /STARTTLS/);
    assert.equal(await other.say('STARTTLS'), '500 unrecognized command');
    other.socket.destroy();
  }
  safe.socket.destroy();
});

test('What was said before STARTTLS is forgotten; within a transaction, or before EHLO, it is out of order (A37)', async () => {
  const client = await SmtpClient.open(shared.port());
  await client.reply();
  assert.match(await client.say('STARTTLS'), /^503 /);
  await client.say('EHLO client.test');
  await client.say('MAIL FROM:<a@client.test>');
  assert.match(await client.say('STARTTLS'), /^503 /);
  await client.say('RSET');
  await client.say('STARTTLS');
  const safe = await secure(client);
  assert.match(await safe.say('RCPT TO:<b@inbox.test>'), /^503 /);
  assert.match(await safe.say('STARTTLS'), /^500 /);
  assert.match(await safe.say('EHLO client.test'), /^250-/);
  safe.socket.destroy();
});

test('Commands in clear behind STARTTLS: reject refuses, records and closes; nothing is executed (EXT-06, A34, A35)', async () => {
  for (const behind of ['EHLO x\r\n', 'MAIL FROM:<evil@x.test>\r\n', 'AUTH PLAIN AGEAYg==\r\n', 'N']) {
    const client = await shared.greet();
    client.write(`STARTTLS\r\n${behind}`);
    assert.equal(await client.codesToEnd(), '554');
  }
  await until(() => shared.server.read('rejectlog.ec').includes('data behind STARTTLS'), 'a rejectlog record');
});

test('ignore throws away what came in clear behind STARTTLS, allow executes it within TLS (EXT-06, STARTTLS_Injection_Policy)', async () => {
  for (const [name, expected] of [
    ['ignore', '503'],
    ['allow', '250'],
  ] as const) {
    const client = await shared.greet(name);
    client.write('STARTTLS\r\nEHLO smuggled.test\r\nMAIL FROM:<evil@x.test>\r\n');
    assert.match(await client.reply(), /^220 /);
    const safe = await secure(client);
    if (name === 'allow') {
      assert.match(await safe.reply(), /^250-/);
      assert.match(await safe.reply(), /^250 MAIL/);
    }
    assert.equal((await safe.say('RCPT TO:<b@inbox.test>')).slice(0, 3), expected);
    safe.socket.destroy();
  }
});

test('Bytes in clear after the 220 end the connection and nothing else (A34)', async () => {
  const client = await shared.greet();
  await client.say('STARTTLS');
  client.write('EHLO x\r\nMAIL FROM:<evil@x.test>\r\nRCPT TO:<b@inbox.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n');
  await until(() => client.isClosed, 'the end of the connection');
  assert.doesNotMatch(await client.reply(), /250/);
  const after = await shared.greet();
  assert.match(await after.say('NOOP'), /^250 /);
  after.socket.destroy();
});

test('LSN-11 Use_SSL is nothing for a console: a Control_Listener, and a Listen in it, may not have it', () => {
  for (const text of ['Control_Listener { Use_SSL = true Listen "/c" { } }', 'Control_Listener { Listen "/c" { Use_SSL = true } }']) {
    const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
    assert.equal(snapshot, undefined, text);
    assert.match(problems[0]?.message ?? '', /Use_SSL/);
  }
});

test('Use_SSL speaks TLS from the first byte and has no STARTTLS; a message of some size goes through whole (LSN-11, TLSI-04, Use_SSL)', async () => {
  const socket = connectTls({ port: shared.port('smtps'), host: '127.0.0.1', rejectUnauthorized: false });
  const client = new SmtpClient(socket);
  assert.match(await client.reply(), /^220 /);
  assert.doesNotMatch(await client.say('EHLO client.test'), /STARTTLS/);
  assert.match(await client.say('STARTTLS'), /^500 /);
  await client.say('MAIL FROM:<a@client.test>');
  await client.say('RCPT TO:<ssl@inbox.test>');
  await client.say('DATA');
  const line = `${'x'.repeat(76)}\r\n`;
  client.write(`Subject: large\r\n\r\n${line.repeat(40_000)}.\r\n`);
  assert.match(await client.reply(), /^250 /);
  socket.destroy();
  await until(() => mailOf(shared.server, 'ssl').length === 1, 'the message');
  const [text] = mailOf(shared.server, 'ssl');
  assert.equal(text?.split('x'.repeat(76)).length, 40_001);
  assert.match(text ?? '', /with ESMTPS/);
});

test('A verified client certificate may relay where TLS_Verified_Peer_Can_Relay says so; others only stay unverified (TLSI-02, TLSI-03, A39, TLS_Verify_Mode, TLS_Client_CA)', async () => {
  assert.equal(await isRelayed(await startTls('trust', credentials(friend))), true);
  assert.equal(await isRelayed(await startTls('smtp', credentials(friend))), false, 'only where it is configured');
  for (const pair of [stranger, expired]) assert.equal(await isRelayed(await startTls('trust', credentials(pair))), false);
  assert.equal(await isRelayed(await startTls('trust')), false, 'no certificate, and the session goes on');
});

/** Whether a connection with a session of before took it up, and may relay. */
async function resumed(session: Buffer, o: ConnectionOptions = {}): Promise<{ isReused: boolean; mayRelay: boolean }> {
  const client = await startTls('trust', { session, ...o });
  const isReused = (client.socket as TLSSocket).isSessionReused();
  const mayRelay = await isRelayed(client);
  client.socket.destroy();
  return { isReused, mayRelay };
}

async function sessionOf(o: ConnectionOptions): Promise<Buffer> {
  const client = await startTls('trust', o);
  let session: Buffer | undefined;
  client.socket.on('session', (ticket: Buffer) => (session = ticket));
  await client.say('EHLO client.test');
  // A version before TLS 1.3 gave it within the handshake.
  session ??= (client.socket as TLSSocket).getSession();
  client.socket.destroy();
  return session!;
}

test('A session that is taken up again, on whichever loop, has the certificate that began it and no more rights, until tls rekey (TLSI-02, TLSI-03, OUT-63)', async () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const sessions = [
      { session: await sessionOf({ maxVersion, ...credentials(friend) }), mayRelay: true },
      { session: await sessionOf({ maxVersion, ...credentials(stranger) }), mayRelay: false },
      { session: await sessionOf({ maxVersion }), mayRelay: false },
    ];
    for (const { session, mayRelay } of sessions)
      for (let i = 0; i < 8; i += 1) assert.deepEqual(await resumed(session, { maxVersion }), { isReused: true, mayRelay }, maxVersion);
    const answer = await command('ec_console', [shared.server.path('control'), 'tls', 'rekey']);
    assert.match(answer.out, /Rekey request submitted/);
    for (const { session } of sessions) assert.deepEqual(await resumed(session, { maxVersion }), { isReused: false, mayRelay: false });
  }
});

test('openssl takes a session up again and is still who it was (TLSI-02)', async () => {
  const kept = join(dir, 'session.pem');
  const said = 'EHLO client.test\nmail from:<a@client.test>\nrcpt to:<x@elsewhere.test>\nquit\n';
  const client = ['s_client', '-starttls', 'smtp', '-connect', `127.0.0.1:${shared.port('trust')}`, '-crlf', '-ign_eof'];
  for (const version of ['-tls1_2', '-tls1_3']) {
    const first = await run('openssl', [...client, version, '-cert', friend.cert, '-key', friend.key, '-sess_out', kept], { input: said });
    assert.match(first.out, /New, TLSv1\.[23][\s\S]*250 RCPT TO/, version);
    const again = await run('openssl', [...client, version, '-sess_in', kept], { input: said });
    assert.match(again.out, /Reused, TLSv1\.[23][\s\S]*250 RCPT TO/, version);
  }
});

test('TLS_Protocols and TLS_Ciphers hold; older versions are refused (TLSI-01, A37, TLS_Protocols, TLS_Ciphers)', async () => {
  const client = await startTls('old');
  const tls = client.socket as TLSSocket;
  assert.equal(tls.getProtocol(), 'TLSv1.2');
  assert.equal(tls.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
  tls.destroy();
  await assert.rejects(startTls('old', { minVersion: 'TLSv1.3' }));
  await assert.rejects(startTls('smtp', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' }));
});

test('A handshake that stops half way holds nobody else up, and garbage is no handshake (A37)', async () => {
  const idle = await shared.greet();
  await idle.say('STARTTLS');
  idle.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
  const garbage = await shared.greet();
  await garbage.say('STARTTLS');
  garbage.write(Buffer.alloc(65_536, 0x16));
  await until(() => garbage.isClosed, 'the end of the garbage');
  assert.match(await (await startTls('smtp')).say('EHLO x.test'), /^250-/);
  idle.socket.destroy();
});

test("Python's smtplib, and openssl with our authority, agree with STARTTLS and Use_SSL", { skip: !hasProgram('python3') }, async () => {
  const program = `
import smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[3]); context.check_hostname = False
a = smtplib.SMTP('127.0.0.1', int(sys.argv[1])); a.starttls(context=context)
b = smtplib.SMTP_SSL('127.0.0.1', int(sys.argv[2]), context=context)
for s in (a, b):
    s.sendmail('a@client.test', ['python@inbox.test'], 'Subject: x\\r\\n\\r\\ntext'); s.quit()
`;
  const args = ['-c', program, String(shared.port()), String(shared.port('smtps')), join(dir, 'ca.pem')];
  const sent = await run('python3', args);
  assert.equal(sent.code, 0, sent.err);
  await until(() => mailOf(shared.server, 'python').length === 2, 'two messages');
  const at = `127.0.0.1:${shared.port()}`;
  const verify = ['-CAfile', join(dir, 'ca.pem'), '-crlf'];
  const shown = await run('openssl', ['s_client', '-starttls', 'smtp', '-connect', at, ...verify], { input: 'QUIT\n' });
  assert.match(shown.out, /Verify return code: 0 \(ok\)/);
});

test('A missing certificate refuses the start, and a reload, with the file named; the old one stays in use (TLSI-01)', async (t) => {
  const conf = (cert: string): string => `
ESMTP_Listener { SMTP_Extensions = ( STARTTLS ) TLS_Certificate = "${cert}" TLS_Key = "${live.key}" Listen "127.0.0.1:{port:smtp}" {} }`;
  const server = await prepareServer({ conf: conf('{dir}/gone.pem') });
  t.after(() => server.end());
  server.launch();
  assert.notEqual((await server.exited).code, 0);
  assert.match(server.output, /TLS_Certificate ".*gone\.pem" cannot be read: there is no such file/);
  server.configure(conf(live.cert));
  await server.start();
  const serial = async (): Promise<string> => {
    const client = await SmtpClient.greet(server.ports['smtp']!);
    await client.say('STARTTLS');
    const safe = await secure(client);
    const { subject } = (safe.socket as TLSSocket).getPeerCertificate();
    safe.socket.destroy();
    return String(subject.CN);
  };
  assert.equal(await serial(), 'mx.test');
  server.configure(conf('{dir}/gone.pem'));

  const refused = await command('ec_console', [server.path('control'), 'config', 'reload']);
  assert.match(refused.out + refused.err, /gone\.pem/);
  assert.equal(await serial(), 'mx.test');
  copyFileSync(next.cert, live.cert);
  copyFileSync(next.key, live.key);
  server.configure(conf(live.cert));
  await command('ec_console', [server.path('control'), 'config', 'reload']);
  assert.equal(await serial(), 'next.test', 'a reload reads the files again');
});
