/**
 * The clients that people have: smtp-source, swaks, curl, sendmail's own form by ec_sendmail. Everything they send arrives.
 *
 * The one rule: each program speaks as it does by itself; what it sent is compared with what is stored.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mainMatching } from '../kit/log-lines.ts';
import { maildir, onlyMail, whole } from '../kit/mailbox.ts';
import { command, hasProgram, run, startServer, until } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';

const shared = new SharedServer({
  conf: `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`,
});
const at = () => `127.0.0.1:${shared.port()}`;

test('smtp-source with 50 sessions and 10,000 messages is answered 250 for each, and the spool holds each of them (SMTP-01, LOG-10)', async (t) => {
  if (!hasProgram('smtp-source')) return t.skip('smtp-source is not installed');
  const server = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.0/8 )
Suspend_Delivery = true
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`,
  });
  const { code, out, err } = await run('/usr/sbin/smtp-source', [
    '-s',
    '50',
    '-m',
    '10000',
    '-d',
    '-l',
    '1000',
    '-f',
    'a@client.test',
    '-t',
    'b@far.test',
    `127.0.0.1:${server.ports['smtp']!}`,
  ]);
  assert.equal(code, 0, out + err);
  const records = await mainMatching(server, 'R', 10_000);
  assert.equal(new Set(records.map(({ messageId }) => messageId)).size, 10_000);
  assert.equal(new Set(records.map(({ connectionId }) => connectionId)).size, 50);
  await server.stop();
  const list = await command('ec_spool_check', [server.path('spool')]);
  assert.match(list.out, /^.*: 10000 live messages/);
  return undefined;
});

test('swaks sends a message as ESMTP, one in a pipeline, one as plain SMTP; each arrives as it was built', async (t) => {
  if (!hasProgram('swaks')) return t.skip('swaks is not installed');
  for (const [user, args] of [
    ['plain', []],
    ['piped', ['--pipeline']],
    ['old', ['--protocol', 'SMTP']],
  ] as const) {
    const result = await run('swaks', [
      '--server',
      at(),
      '--from',
      'a@client.test',
      '--to',
      `${user}@inbox.test`,
      '--body',
      '.\n..dots\n.',
      '--h-Subject',
      user,
      ...args,
    ]);
    assert.equal(result.code, 0, result.out + result.err);
    const text = onlyMail(shared.server, user);
    assert.match(text, new RegExp(`\\r\\nSubject: ${user}\\r\\n`));
    assert.match(text, /\r\n\r\n\.\r\n\.\.dots\r\n\.\r\n/);
  }
  return undefined;
});

test('swaks hears the refusal of a domain that is not relayed to, in a pipeline', async (t) => {
  if (!hasProgram('swaks')) return t.skip('swaks is not installed');
  const result = await run('swaks', ['--server', at(), '--from', 'a@client.test', '--to', 'u@elsewhere.test', '--pipeline']);
  assert.equal(result.code, 24, result.out);
  assert.match(result.out, /550 relaying denied/);
  return undefined;
});

test('curl sends a file of 3 MB by smtp:// and it arrives byte for byte', async (t) => {
  if (!hasProgram('curl')) return t.skip('curl is not installed');
  const text = `Subject: curl\r\n${whole}\r\n${`${'.'.repeat(60)}\r\n\r\n.\r\n`.repeat(45_000)}`;
  const result = await run(
    'curl',
    [
      '--silent',
      '--show-error',
      '--url',
      `smtp://${at()}/client.test`,
      '--mail-from',
      'a@client.test',
      '--mail-rcpt',
      'curl@inbox.test',
      '--upload-file',
      '-',
    ],
    { input: text },
  );
  assert.equal(result.code, 0, result.err);
  assert.ok(onlyMail(shared.server, 'curl') === text);
});

test('ec_sendmail sends what it reads on standard input', async () => {
  const result = await command('ec_sendmail', ['--server', at(), 'own@inbox.test'], { input: 'Subject: first\n\nHello.\n.\n' });
  assert.equal(result.code, 0, result.out + result.err);
  await until(() => onlyMail(shared.server, 'own').endsWith('\r\n\r\nHello.\r\n.\r\n'), 'the message');
});
