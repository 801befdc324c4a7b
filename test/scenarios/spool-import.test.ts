/**
 * `spool import` on the real server: mail of a spool that another server left behind, and a folder of messages in files.
 *
 * The one rule: what counts is what the hop got, and what is left where the mail came from.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { linesOf } from '../kit/log-lines.ts';
import { handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, startServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const hop = new Sink({ extensions: ['PIPELINING', 'DSN'] });
let server: Server;
let user: ConsoleUser;

before(async () => {
  await hop.listen();
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Binding "first" { EHLO_Hostname = "first.test" }
ec_logger "imports" { mainlog = "" rejectlog = "" paniclog = "" importlog = "{dir}/importlog.ec" }
`,
    ports: { hop: hop.port },
  });
  await server.start();
  user = await ConsoleUser.open(server);
});
after(async () => {
  user.close();
  await server.end();
  await hop.close();
});

/** Every file below, with what is in it. */
function filesOf(path: string): Map<string, string> {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'latin1')]));
}

/** What import_poll says when it is over. */
async function imported(path: string): Promise<string> {
  let text = '';
  await until(
    async () => {
      text = await user.run(`spool import_poll ${path}`);
      return text.includes(': over;');
    },
    () => `the import to be over; it says:\n${text}`,
  );
  return text;
}

test('SPL-12 CON LOG-20 spool import takes over what another server left behind: open recipients, binding, DSN wishes, time of reception', async (t) => {
  const old = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Routes = ( "127.0.0.1:{port:hop}" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Binding "first" { Suspend_Delivery = true }
Domain "/^held/" { Suspend_Delivery = true }
`,
    ports: { hop: hop.port },
  });
  assert.match(await handIn(old, ['gone@gone.test', 'u@held.test'], { rcpt: ' NOTIFY=NEVER' }), /^250 /);
  await until(() => mailFor(hop, 'gone.test').length === 1, 'the recipient that was not held');
  assert.match(await handIn(old, 'v@held2.test', { text: `Subject: large\r\n\r\n${'x'.repeat(70)}\r\n`.repeat(4_000) }), /^250 /);
  const before = await ConsoleUser.open(old);
  await before.run('rebind default held2.test to first');
  const [, received = ''] = /Created: (\d+)/.exec(await before.run('showqueue held.test')) ?? [];
  before.close();
  assert.match(await user.refused(`spool import ${old.path('spool')}`), /in use by another process/);
  assert.match(await user.refused(`spool import ${old.path('spool')} --dry-run`), /in use by another process/);
  await old.stop();
  const files = filesOf(old.path('spool'));
  for (let again = 0; again < 2; again++)
    assert.match(
      await user.run(`spool import ${old.path('spool')} --dry-run`),
      /^Would import 2 messages for 2 recipients from the spool \/.*\. Nothing was done\.\n(?: {2}[0-9A-F/-]{20} <a@sender\.test> to <[uv]@held2?\.test>(?:\n|$)){2}$/,
    );
  assert.deepEqual(filesOf(old.path('spool')), files);

  await user.run('config set Suspend_Delivery true');
  assert.match(await user.run(`spool import ${old.path('spool')} 4`), /has begun/);
  assert.match(await imported(old.path('spool')), /Import of the spool .*: over; 2 messages imported, 0 could not be/);
  // There is no acctlog here: who did it stands in the paniclog.
  await until(() => /console: \S+ \(\/.*\) did: spool import \/.*: begun/.test(server.read('paniclog.ec')), 'who did it');
  assert.doesNotMatch(server.read('paniclog.ec'), /did: spool import .*--dry-run/);
  assert.match(await user.run('showqueue held.test'), new RegExp(`^\\[active/default\\] \\S+ Created: ${received}\\n`));
  assert.match(await user.run('showqueue binding first held2.test'), /^\[active\/first\] /);
  const queued = /^\[active\/default\] (\S+)/.exec(await user.run('showqueue held.test'))?.[1];
  await until(() => linesOf(server, 'importlog.ec').length === 2, 'a line for each recipient in the importlog');
  for (const line of linesOf(server, 'importlog.ec')) assert.match(line, /^\d{10}@[0-9A-F/-]{20}@I@[0-9A-F/-]{20}@1@\//);
  assert.ok(linesOf(server, 'importlog.ec').some((line) => line.endsWith(`@I@${queued}@1@${old.path('spool')}`)));
  await user.run('config set Suspend_Delivery false');
  await until(() => mailFor(hop, 'held.test').length === 1 && mailFor(hop, 'held2.test').length === 1, 'both messages');
  const [small] = mailFor(hop, 'held.test');
  assert.deepEqual(small?.rcptTo, ['RCPT TO:<u@held.test> NOTIFY=NEVER']);
  const text = small?.data.toString('latin1') ?? '';
  assert.match(
    text,
    /^Received: from local \(helo=import\)[^]*\r\nReturn-Path: <a@sender\.test>\r\nReceived: from \[127[^]*Subject: x\r\n[^]*\r\n\r\nhello\r\n$/,
  );
  assert.ok((mailFor(hop, 'held2.test')[0]?.data.length ?? 0) > 280_000);
  assert.equal(mailFor(hop, 'gone.test').length, 1);
  // Nothing is left there, and a server can still use it.
  await user.run(`spool import ${old.path('spool')}`);
  assert.match(await imported(old.path('spool')), /over; 0 messages imported, 0 could/);
  await old.start();
});

test('CON spool import of a folder sends each file to whom its headers name, hides Bcc, leaves alone what it cannot read, and says all that before with --dry-run', async () => {
  const folder = server.path('messages');
  mkdirSync(`${folder}/59A3B`, { recursive: true });
  writeFileSync(`${folder}/one.eml`, 'From: ada@a.test\nTo: u@folder.test\nBcc: hidden@folder2.test\nSubject: one\n\n.dot\nend\n');
  writeFileSync(`${folder}/two`, 'From ada Sat Nov 28\nReturn-Path: <>\nTo: "V, of" <v@folder.test>\nSubject: two\n\ntext\n');
  writeFileSync(`${folder}/bad.eml`, 'Subject: for nobody\n\ntext\n');
  const names = readdirSync(folder).toSorted();
  assert.equal(
    (await user.run(`spool import ${folder} 2 suppress_trace_headers --dry-run`)).split('\n').toSorted().join('\n'),
    [
      `Would import 2 messages for 3 recipients from the folder ${folder}. Nothing was done.`,
      '  one.eml <ada@a.test> to <u@folder.test> <hidden@folder2.test>',
      '  two <> to <v@folder.test>',
      '2 files would stay there.',
      '  bad.eml: neither To, Cc nor Bcc names anybody',
      '  59A3B: it is no file of a message: a folder is read without its sub-folders, and a spool of Momentum cannot be read',
    ]
      .toSorted()
      .join('\n'),
  );
  assert.deepEqual(readdirSync(folder).toSorted(), names);
  assert.match(await user.refused(`spool import_poll ${folder}`), /No import of/);
  assert.match(await user.refused('spool import /nowhere/at/all --dry-run'), /^Cannot import "\/nowhere\/at\/all": .*no such file/);
  assert.match(await user.refused(`spool import ${server.path('spool')} --dry-run`), /it is the spool of this server/);
  await user.run(`spool import ${folder} 2 suppress_trace_headers`);
  const said = await imported(folder);
  assert.match(said, /Import of the folder .*: over; 2 messages imported, 2 could not be and stay there/);
  assert.match(said, /bad\.eml: neither To, Cc nor Bcc names anybody/);
  assert.match(said, /59A3B: it is no file of a message: .*a spool of Momentum cannot be read/);
  const ofFolder = (): string[] => linesOf(server, 'importlog.ec').filter((line) => line.endsWith(`@${folder}`));
  await until(() => ofFolder().length === 5, 'a line for each recipient, and for what could not be read');
  assert.deepEqual(
    ofFolder()
      .map((line) => line.split('@').toSpliced(3, 1).slice(1, 4).join(' '))
      .sort(),
    ['59A3B I 2', 'bad.eml I 2', 'one.eml I 1', 'one.eml I 1', 'two I 1'],
  );
  await until(() => mailFor(hop, 'folder.test').length === 2 && mailFor(hop, 'folder2.test').length === 1, 'the messages');
  const [first] = mailFor(hop, 'folder2.test');
  assert.equal(first?.data.toString('latin1'), 'From: ada@a.test\r\nTo: u@folder.test\r\nSubject: one\r\n\r\n.dot\r\nend\r\n');
  assert.ok(mailFor(hop, 'folder.test').some(({ mailFrom }) => mailFrom.startsWith('MAIL FROM:<>')));
  assert.deepEqual(readdirSync(folder).toSorted(), ['59A3B', 'bad.eml']);
  assert.match(await user.refused(`spool import ${server.path('spool')}`), /it is the spool of this server/);
  assert.match(await user.refused('spool import /nowhere/at/all'), /no such file/);
  assert.match(await user.refused('spool import relative'), /expected an absolute path/);
  assert.match(await user.refused('spool import_poll /nowhere'), /No import of "\/nowhere" is known/);
  assert.ok(existsSync(server.path('spool')));
});
