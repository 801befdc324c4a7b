/**
 * A full disk under the spool, under the mailboxes, under the logs: 452, nothing lost, and all well again when room returns.
 *
 * The one rule: the server is never restarted here, and every 250 is accounted for afterwards.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { mainMatching, panicMatching, panicTexts } from '../kit/log-lines.ts';
import { drafts, maildir, mailOf, onlyMail, whole } from '../kit/mailbox.ts';
import { basics, command, startServer, until, type Server } from '../kit/server.ts';
import { mountSmallDisk, type SmallDisk } from '../kit/small-disk.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const listener = `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
`;

/** A server with one of its folders on a small file system. */
async function onSmallDisk(
  t: TestContext,
  folder: string,
  megabytes: number,
  conf: string,
): Promise<{ server: Server; disk: SmallDisk } | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-full-'));
  const disk = mountSmallDisk(t, join(dir, folder), megabytes);
  if (disk === undefined) {
    t.skip('this tester may not mount a file system');
    return undefined;
  }
  const server = await startServer(t, { conf: listener + conf, dir });
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return { server, disk };
}

/** A message of about `bytes` octets. */
function message(name: string, bytes: number): string {
  return `Subject: ${name}\r\n${whole}\r\n${`${'y'.repeat(68)}\r\n`.repeat(Math.ceil(bytes / 70))}`;
}

test('A spool on a full disk answers 452, says why once, keeps what it has, and takes mail again without a restart (A62)', async (t) => {
  const made = await onSmallDisk(t, 'spool', 14, 'Suspend_Delivery = true');
  if (made === undefined) return;
  const { server, disk } = made;
  const sent = new Map<string, string>();
  const client = await SmtpClient.greet(server.ports['smtp']!);
  const offer = async (name: string, bytes: number): Promise<string> => {
    const text = message(name, bytes);
    const reply = await client.send('a@client.test', `${name}@inbox.test`, text.slice(0, -2));
    const batch = /^250 OK (\S+)$/.exec(reply)?.[1];
    if (batch !== undefined) sent.set(batch, text);
    return reply;
  };
  let full = '';
  for (let i = 0; i < 2000 && !full.startsWith('452'); i++) full = await offer(`before${i}`, i % 20 === 0 ? 200_000 : 20_000);
  assert.match(full, /^452 /);
  await panicMatching(server, /ENOSPC/);
  for (let i = 0; i < 2; i++) assert.match(await offer(`during${i}`, 15_000_000), /^452 /, 'the session lives on');
  assert.ok(sent.size > 50);
  for (let i = 0; i < 20; i++) await offer(`again${i}`, 100_000);
  const complaints = panicTexts(server).filter((text) => text.includes('ENOSPC'));
  assert.equal(new Set(complaints).size, complaints.length, 'the same is said once');

  disk.resize(100);
  await until(async () => (await offer(`after${sent.size}`, 20_000)).startsWith('250'), 'mail to be taken again');
  assert.match(await offer('large-after', 500_000), /^250 /);
  await client.quit();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });

  const check = await command('ec_spool_check', [server.path('spool')]);
  assert.equal(check.code, 0, check.out + check.err);
  const list = await command('ec_spool_check', [server.path('spool'), '--list']);
  assert.deepEqual(
    list.out
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/)[0])
      .sort(),
    [...sent.keys()].sort(),
  );
  for (const [batch, text] of [...sent].slice(-1)) {
    const { out } = await command('ec_spool_check', [server.path('spool'), '--extract', batch]);
    assert.ok(out.endsWith(text), `${batch} came back changed`);
  }
});

test('Mailboxes on a full disk answer 452, show no torn message, and take mail again without a restart (A62, OUT-48)', async (t) => {
  const made = await onSmallDisk(t, 'mail', 3, maildir);
  if (made === undefined) return;
  const { server, disk } = made;
  const client = await SmtpClient.greet(server.ports['smtp']!);
  const small = message('small', 10_000);
  const large = message('large', 4_000_000);
  assert.match(await client.send('a@client.test', 'first@inbox.test', small.slice(0, -2)), /^250 /);
  for (let i = 0; i < 3; i++)
    assert.match(await client.send('a@client.test', ['large@inbox.test', 'other@inbox.test'], large.slice(0, -2)), /^452 /);
  assert.deepEqual(mailOf(server, 'large'), []);
  await until(() => drafts(server).length === 0, 'the drafts to be removed');
  assert.equal(onlyMail(server, 'first'), small);
  disk.resize(20);
  assert.match(await client.send('a@client.test', ['large@inbox.test', 'other@inbox.test'], large.slice(0, -2)), /^250 /);
  assert.ok(onlyMail(server, 'large') === large && onlyMail(server, 'other') === large);
  await client.quit();
});

test('Logs on a full disk do not stop mail, and lines come again when there is room (A62)', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'impetus-full-'));
  const disk = mountSmallDisk(t, join(dir, 'logs'), 2);
  if (disk === undefined) {
    t.skip('this tester may not mount a file system');
    return;
  }
  const conf = basics.replaceAll(/\{dir\}\/(\w+\.ec)"/g, '{dir}/logs/$1"') + listener + maildir;
  const server = await startServer(t, { conf, bare: true, dir });
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const name of ['mainlog.ec', 'paniclog.ec', 'rejectlog.ec']) symlinkSync(join('logs', name), join(dir, name));
  const client = await SmtpClient.greet(server.ports['smtp']!);
  const text = message('x', 1000);
  assert.match(await client.send('a@client.test', 'one@inbox.test', text.slice(0, -2)), /^250 /);
  await mainMatching(server, 'R', 1);
  disk.fill();
  for (let i = 0; i < 60; i++) assert.match(await client.send('a@client.test', `during${i}@inbox.test`, text.slice(0, -2)), /^250 /);
  disk.empty();
  await until(() => /during59@[^\n]*\n$/.test(server.read('logs/mainlog.ec')), 'the line of the last message');
  await mainMatching(server, 'R', 61);
  assert.match(await client.send('a@client.test', 'after@inbox.test', text.slice(0, -2)), /^250 /);
  await mainMatching(server, 'R', 1, ({ fields }) => fields[0] === 'after');
  await client.quit();
});
