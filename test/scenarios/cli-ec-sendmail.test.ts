/**
 * ec_sendmail against the real server: recipients from arguments and headers, sender and full name, exit status (CLI-05).
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mailboxes, maildir, onlyMail } from '../kit/mailbox.ts';
import { command, root, run, type Ran } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { startSink } from '../kit/sink.ts';

const shared = new SharedServer({
  conf: `
    Relay_Domains = ( "inbox.test" )
    ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} Listen "{dir}/smtp" {} }
    ${maildir}`,
});

function sendmail(input: string, ...args: string[]): Promise<Ran> {
  return command('ec_sendmail', ['--server', `127.0.0.1:${shared.port()}`, ...args], { input: Buffer.from(input) });
}

test('CLI-05 a message on standard input reaches the recipients that are named; lines and dots arrive as they were', async () => {
  const sent = await sendmail(
    'Subject: plain\n\n.\n..two\nümlaut\nlast',
    '-i',
    '-f',
    'me@sender.test',
    'plain@inbox.test',
    'second@inbox.test',
  );
  assert.deepEqual(sent, { code: 0, out: '', err: '' });
  for (const user of ['plain', 'second']) {
    const text = Buffer.from(onlyMail(shared.server, user), 'latin1').toString('utf8').replaceAll('\r\n', '\n');
    assert.match(text, /^From: me@sender\.test\n[\s\S]*\n\n\.\n\.\.two\nümlaut\nlast\n$/);
  }
});

test('CLI-05 -t takes recipients from To, Cc and Bcc and removes Bcc; -F gives the name; a From that is there stays', async () => {
  const input =
    'To: Some One <tee@inbox.test>,\n other@inbox.test\nCc: "x" <copy@inbox.test>\nBcc: blind@inbox.test,\n  blind2@inbox.test\nSubject: t\n\nbody\n';
  const sent = await sendmail(input, '-t', '-f', 'me@sender.test', '-F', 'Me "Myself"');
  assert.deepEqual(sent, { code: 0, out: '', err: '' });
  for (const user of ['tee', 'other', 'copy', 'blind', 'blind2']) {
    const mail = onlyMail(shared.server, user);
    assert.doesNotMatch(mail, /blind/i, user);
    assert.match(mail, /^From: "Me Myself" <me@sender\.test>\r?$/m);
  }
  await sendmail('From: Own <own@sender.test>\nSubject: f\n\nbody\n', '-f', 'me@sender.test', 'from@inbox.test');
  assert.equal([...onlyMail(shared.server, 'from').matchAll(/^From:/gm)].length, 1);
});

test('CLI-05 words of other sendmails are understood, those of other deeds refused; -bs speaks SMTP with the server', async () => {
  const sent = await sendmail(
    'To: php@inbox.test\nSubject: s\n\n.\nend\n',
    '-oi',
    '-oem',
    '-B8BITMIME',
    '-bm',
    '-FCron Daemon',
    '-r',
    'me@sender.test',
    '-t',
  );
  assert.deepEqual(sent, { code: 0, out: '', err: '' });
  assert.match(onlyMail(shared.server, 'php'), /^From: "Cron Daemon" <me@sender\.test>\r\n[^]*\r\n\r\n\.\r\nend\r\n$/m);
  for (const word of ['-bp', '-bd', '-q1h', '-bi']) assert.equal((await sendmail('', word)).code, 64, word);
  const dialogue =
    'EHLO me.test\r\nMAIL FROM:<me@sender.test>\r\nRCPT TO:<bs@inbox.test>\r\nDATA\r\nSubject: b\r\n\r\n..x\r\n.\r\nQUIT\r\n';
  const spoken = await sendmail(dialogue, '-bs');
  assert.deepEqual([spoken.code, spoken.err], [0, '']);
  assert.match(spoken.out, /^220 [^]*\r\n354 [^]*\r\n250 [^]*\r\n221 [^]*\r\n$/);
  assert.match(onlyMail(shared.server, 'bs'), /^Subject: b\r\n[^]*\r\n\r\n\.x\r\n$/m);
  const help = await command('ec_sendmail', ['--help']);
  assert.deepEqual([help.code, /-bs .*SMTP/.test(help.out)], [0, true]);
});

test('text without headers becomes a body; a Unix socket is a server, too, and EC_SENDMAIL_SERVER names the usual one', async () => {
  const env = { EC_SENDMAIL_SERVER: shared.server.path('smtp') };
  const sent = await command('ec_sendmail', ['-f', 'me@sender.test', 'bare@inbox.test'], { input: 'just text, no header\n', env });
  assert.equal(sent.code, 0, sent.err);
  assert.match(onlyMail(shared.server, 'bare'), /^From: me@sender\.test\r\n[\s\S]*\r\n\r\njust text, no header\r\n$/);
});

test(
  'CLI-05 a sender that an ordinary user sets is marked with X-Authentication-Warning, one of root is not',
  { skip: process.getuid?.() !== 0 && 'needs root to become another user' },
  async () => {
    const args = ['--server', `127.0.0.1:${shared.port()}`, '-f', 'boss@sender.test'];
    const sent = await run(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', `${root}/bin/ec_sendmail`, ...args, 'marked@inbox.test'],
      {
        input: 'Subject: x\n\n',
      },
    );
    assert.equal(sent.code, 0, sent.err);
    assert.match(onlyMail(shared.server, 'marked'), /^X-Authentication-Warning: \S+ nobody set sender to boss@sender\.test using -f\r?$/m);
    await sendmail('Subject: x\n\n', '-f', 'boss@sender.test', 'unmarked@inbox.test');
    assert.doesNotMatch(onlyMail(shared.server, 'unmarked'), /X-Authentication-Warning/);
  },
);

test('the exit status says whether to try again: 64 usage, 69 refused, 75 later; nothing is sent in parts', async (t) => {
  const status = async (sent: Promise<Ran>) => {
    const { code, err } = await sent;
    assert.match(err, /^ec_sendmail: /);
    assert.doesNotMatch(err, /^\s+at /m, 'no stack');
    return code;
  };
  assert.equal(await status(sendmail('x\n')), 64, 'no recipient');
  assert.equal(await status(sendmail('x\n', '--nope', 'a@inbox.test')), 64);
  assert.equal(await status(sendmail('x\n', 'a@inbox.test\r\nRCPT TO:<b@inbox.test>')), 64, 'no second command in an address');
  assert.equal(await status(sendmail('x\n', 'ok@inbox.test', 'no@elsewhere.test')), 69, 'relaying denied');
  const sink = await startSink(t, { replies: { MAIL: '451 later' } });
  assert.equal(await status(command('ec_sendmail', ['--server', `127.0.0.1:${sink.port}`, 'a@inbox.test'], { input: 'x\n' })), 75);
  assert.equal(await status(command('ec_sendmail', ['--server', shared.server.path('nobody'), 'a@inbox.test'], { input: 'x\n' })), 75);
  assert.ok(!mailboxes(shared.server).includes('ok'), 'one refused recipient stops the message');
});
