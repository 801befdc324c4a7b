/**
 * AUTH with real clients: swaks for each mechanism it knows, Python's smtplib; what logs say, what a bad configuration hears.
 *
 * The one rule: no password ever stands in a log. The seed's order of EHLO lines holds: AUTH in both forms, then STARTTLS.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { mailOf, maildir } from '../kit/mailbox.ts';
import { hasProgram, prepareServer, run, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const ha1 = createHash('md5').update('joe:mx.impetus.test:open-sesame').digest('hex');
const shared = new SharedServer({
  conf: `
Debug_Flags { NOTICE = ( ALL ) }
ESMTP_Listener {
  AuthLoginParameters = [ uri = "file://{dir}/passwords" log_authentication = true ]
  AuthPlainParameters = [ uri = "digest://{dir}/digests" ]
  AuthCramMD5Parameters = [ uri = "file://{dir}/passwords" ]
  AuthDigestMD5Parameters = [ uri = "digest://{dir}/digests" realm = "mx.impetus.test" ]
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "AUTH LOGIN" "AUTH PLAIN" "AUTH CRAM-MD5" "AUTH DIGEST-MD5" )
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:seed}" {
    SMTP_Extensions = ( )
    Peer "127.0.0.1" { SMTP_Extensions = ( "AUTH LOGIN" ) }
  }
  Listen "127.0.0.1:{port:shut}" {
    Always_Deny = true
    Peer "127.0.0.2" { Always_Deny = false }
  }
}
${maildir}`,
  files: { passwords: '# accounts\njoe:open-sesame\n', digests: `joe:mx.impetus.test:${ha1}\n` },
});

function swaks(mechanism: string, password: string, name = 'smtp') {
  const to = ['--to', `${mechanism.toLowerCase()}@far.test`, '--from', 'a@client.test', '--server', '127.0.0.1'];
  const login = ['--auth', mechanism, '--auth-user', 'joe', '--auth-password', password];
  return run('swaks', [...to, '--port', String(shared.port(name)), ...login]);
}

test(
  'swaks authenticates with LOGIN, PLAIN and CRAM-MD5 and may then relay; wrong passwords are refused and never logged (AUTH-01, AUTH-02, AUTH-05)',
  { skip: !hasProgram('swaks') },
  async () => {
    for (const mechanism of ['LOGIN', 'PLAIN', 'CRAM-MD5']) {
      const right = await swaks(mechanism, 'open-sesame');
      assert.equal(right.code, 0, right.out);
      assert.match(right.out, /235 2\.7\.0/);
      await until(() => mailOf(shared.server, mechanism.toLowerCase()).length === 1, mechanism);
      assert.match(
        mailOf(shared.server, mechanism.toLowerCase())[0] ?? '',
        /Authentication-Results: mx\.impetus\.test;\r?\n\tauth=pass smtp\.auth="joe"/,
      );
      const wrong = await swaks(mechanism, 'swordfish');
      assert.notEqual(wrong.code, 0);
      assert.match(wrong.out, /535 5\.7\.8/);
    }
    await until(
      () => shared.server.read('paniclog.ec').includes('AUTH LOGIN of "joe" from 127.0.0.1: fail'),
      'a line of log_authentication',
    );
    for (const log of ['mainlog.ec', 'paniclog.ec', 'rejectlog.ec']) {
      const text = shared.server.read(log);
      assert.doesNotMatch(text, /open-sesame|swordfish|b3Blbi1zZXNhbWU|c3dvcmRmaXNo/, log);
    }
  },
);

test("Python's smtplib chooses CRAM-MD5 by itself, and PLAIN and LOGIN when told (AUTH-02)", { skip: !hasProgram('python3') }, async () => {
  const program = `
import smtplib, sys
for how in ('', 'auth_plain', 'auth_login'):
    s = smtplib.SMTP('127.0.0.1', int(sys.argv[1])); s.ehlo()
    s.user, s.password = 'joe', 'open-sesame'
    if how: s.auth(how[5:].upper(), getattr(s, how))
    else: s.login('joe', 'open-sesame')
    s.sendmail('a@client.test', ['python@far.test'], 'Subject: x\\r\\n\\r\\ntext'); s.quit()
`;
  const sent = await run('python3', ['-c', program, String(shared.port())]);
  assert.equal(sent.code, 0, sent.err);
  await until(() => mailOf(shared.server, 'python').length === 3, 'three messages');
});

test('A Peer with "AUTH LOGIN" as in the seed is offered it, and nobody else (AUTH-02, AUTH-07)', async () => {
  const client = await SmtpClient.open(shared.port('seed'));
  await client.reply();
  assert.match(await client.say('EHLO client.test'), /250-AUTH=LOGIN\n250 AUTH LOGIN$/);
  client.socket.destroy();
  const stranger = await SmtpClient.open(shared.port('seed'), '127.0.0.3');
  await stranger.reply();
  assert.doesNotMatch(await stranger.say('EHLO client.test'), /AUTH/);
  assert.equal(await stranger.say('AUTH LOGIN'), '550 not allowed for this client');
  stranger.socket.destroy();
});

test('Always_Deny on Listen and Always_Deny = false on Peer is an access list (AUTH-07, Always_Deny)', async () => {
  for (const [from, code] of [
    ['127.0.0.1', '550'],
    ['127.0.0.2', '250'],
  ] as const) {
    const client = await SmtpClient.open(shared.port('shut'), from);
    await client.reply();
    await client.say('EHLO client.test');
    assert.equal((await client.say('MAIL FROM:<a@client.test>')).slice(0, 3), code, from);
    client.socket.destroy();
  }
});

test('A password file is read again when it changes; a missing one is temporary trouble (AUTH-21, A44)', async () => {
  const { server } = shared;
  const attempt = async (password: string): Promise<string> => {
    const client = await SmtpClient.greet(shared.port());
    await client.say('AUTH LOGIN am9l');
    const said = await client.say(Buffer.from(password).toString('base64'));
    client.socket.destroy();
    return said.slice(0, 3);
  };
  writeFileSync(server.path('passwords'), 'joe:changed\n');
  assert.equal(await attempt('changed'), '235');
  writeFileSync(server.path('passwords'), 'joe:open-sesame\n# again\n');
  assert.equal(await attempt('open-sesame'), '235');
});

test('A back end that does not exist here refuses the start (AUTH-01)', async (t) => {
  const parameters = 'AuthLoginParameters = [ uri = "radius://here" ]';
  const server = await prepareServer({ conf: `ESMTP_Listener { ${parameters} Listen "127.0.0.1:{port:smtp}" {} }` });
  t.after(() => server.end());
  server.launch();
  assert.notEqual((await server.exited).code, 0);
  assert.match(server.output, /AuthLoginParameters: uri "radius:\/\/here" cannot be used; expected file:\/\/\/path or digest:\/\/\/path/);
});
