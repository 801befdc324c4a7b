/**
 * How real clients prove who they are: swaks with every mechanism it knows, gsasl for SCRAM, curl, nodemailer.
 *
 * The one rule: whoever proved itself may relay, and the mail says who it was; a wrong password is 535 in whatever form it came.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { mailOf, maildir } from '../kit/mailbox.ts';
import { hasProgram, run, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';

const ha1 = createHash('md5').update('joe:mx.impetus.test:open-sesame').digest('hex');
const shared = new SharedServer({
  conf: `
ESMTP_Listener {
  AuthLoginParameters = [ uri = "file://{dir}/passwords" ]
  AuthPlainParameters = [ uri = "file://{dir}/passwords" ]
  AuthCramMD5Parameters = [ uri = "file://{dir}/passwords" ]
  AuthDigestMD5Parameters = [ uri = "digest://{dir}/digests" realm = "mx.impetus.test" ]
  AuthScramSHA256Parameters = [ uri = "file://{dir}/passwords" ]
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "AUTH SCRAM-SHA-256" "AUTH DIGEST-MD5" "AUTH CRAM-MD5" "AUTH PLAIN" "AUTH LOGIN" )
  Listen "127.0.0.1:{port:smtp}" {}
}
${maildir}`,
  files: { passwords: 'joe:open-sesame\n', digests: `joe:mx.impetus.test:${ha1}\n` },
});
const at = () => `127.0.0.1:${shared.port()}`;

/** One message of that user's, with the name of who sent it. */
async function arrived(user: string): Promise<void> {
  await until(() => mailOf(shared.server, user).length === 1, `the mail of ${user}`);
  assert.match(mailOf(shared.server, user)[0] ?? '', /Authentication-Results: mx\.impetus\.test;\r?\n\tauth=pass smtp\.auth="joe"/);
}

test('swaks authenticates with LOGIN, PLAIN, CRAM-MD5 and DIGEST-MD5, in a pipeline too (AUTH-01, AUTH-03, AUTH-04)', async (t) => {
  if (!hasProgram('swaks')) return t.skip('swaks is not installed');
  for (const mechanism of ['LOGIN', 'PLAIN', 'CRAM-MD5', 'DIGEST-MD5']) {
    const to = `swaks-${mechanism.toLowerCase()}@far.test`;
    const login = ['--auth', mechanism, '--auth-user', 'joe', '--auth-extra', 'realm=mx.impetus.test'];
    const words = ['--server', at(), '--from', 'a@client.test', '--to', to, '--pipeline', ...login];
    const right = await run('swaks', [...words, '--auth-password', 'open-sesame']);
    assert.equal(right.code, 0, right.out);
    await arrived(`swaks-${mechanism.toLowerCase()}`);
    // The others are in auth-clients.test.ts: each wrong password makes the next one wait longer.
    if (mechanism !== 'DIGEST-MD5') continue;
    const wrong = await run('swaks', [...words, '--auth-password', 'swordfish']);
    assert.equal(wrong.code, 28, wrong.out);
    assert.match(wrong.out, /535 5\.7\.8/);
  }
  return undefined;
});

test('gsasl proves a password by SCRAM-SHA-256 and believes our proof; a wrong one fails (AUTH-01)', async (t) => {
  if (!hasProgram('gsasl')) return t.skip('gsasl is not installed');
  const [host = '', port = ''] = at().split(':');
  const words = ['--smtp', '--no-starttls', '--connect', `${host}:${port}`, '--mechanism', 'SCRAM-SHA-256', '--authentication-id', 'joe'];
  // Without a word of input: it takes its leave by itself, and a second QUIT would meet a connection that is closed.
  const right = await run('gsasl', [...words, '--password', 'open-sesame'], { input: '' });
  assert.equal(right.code, 0, right.out + right.err);
  assert.match(right.out + right.err, /Client authentication finished|235 2\.7\.0/);
  const wrong = await run('gsasl', [...words, '--password', 'swordfish']);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.out + wrong.err, /535 5\.7\.8/);
  return undefined;
});

test('curl logs in with the best mechanism it knows, and with PLAIN when told (AUTH-02)', async (t) => {
  if (!hasProgram('curl')) return t.skip('curl is not installed');
  for (const [user, more] of [
    ['curl', []],
    ['curl-plain', ['--login-options', 'AUTH=PLAIN']],
  ] as const) {
    const words = ['--silent', '--show-error', '--url', `smtp://${at()}/client.test`, '--user', 'joe:open-sesame', ...more];
    const result = await run('curl', [...words, '--mail-from', 'a@client.test', '--mail-rcpt', `${user}@far.test`, '--upload-file', '-'], {
      input: 'From: a@client.test\r\nDate: Mon, 1 Jan 2029 00:00:00 +0000\r\n\r\nby curl\r\n',
    });
    assert.equal(result.code, 0, result.err);
    await arrived(user);
  }
  return undefined;
});

/** The part of nodemailer that is used here; it brings no types. */
interface Nodemailer {
  createTransport(o: object): { sendMail(mail: object): Promise<{ accepted: string[]; response: string }>; close(): void };
}
const nodemailer = createRequire(import.meta.url)('nodemailer') as Nodemailer;

test('nodemailer sends with each mechanism it has, several messages on one connection of its pool (AUTH-01)', async () => {
  for (const method of ['PLAIN', 'LOGIN', 'CRAM-MD5']) {
    const auth = { user: 'joe', pass: 'open-sesame', method };
    const transport = nodemailer.createTransport({
      host: '127.0.0.1',
      port: shared.port(),
      auth: { ...auth, type: 'login' },
      authMethod: method,
      pool: true,
      maxConnections: 1,
    });
    const user = `node-${method.toLowerCase()}`;
    const mail = {
      from: 'a@client.test',
      subject: 'grüße',
      text: '.\n..dots\n.\n',
      attachments: [{ filename: 'a.bin', content: Buffer.alloc(5000, 7) }],
    };
    await transport.sendMail({ ...mail, to: `${user}@far.test` });
    const second = await transport.sendMail({ ...mail, to: [`${user}-2@far.test`, `${user}-3@far.test`] });
    assert.equal(second.accepted.length, 2);
    transport.close();
    for (const name of [user, `${user}-2`, `${user}-3`]) await arrived(name);
  }
  const refused = nodemailer.createTransport({ host: '127.0.0.1', port: shared.port(), auth: { user: 'joe', pass: 'no' } });
  await assert.rejects(refused.sendMail({ from: 'a@client.test', to: 'x@far.test', text: 'no' }), /535/);
  refused.close();
});
