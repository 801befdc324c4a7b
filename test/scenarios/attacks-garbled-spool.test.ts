/**
 * A spool that was damaged while nobody looked: the server starts, sets aside what it cannot read, and delivers the rest.
 *
 * The one rule: damage costs the messages it lies in and no others; every piece set aside has its line in the paniclog.
 */
import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { panicMatching, panicTexts } from '../kit/log-lines.ts';
import { whole } from '../kit/mailbox.ts';
import { command, prepareServer, run, until, type Server } from '../kit/server.ts';
import { startSink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const holding = `
Relay_Hosts = ( 127.0.0.0/8 )
Gateway = "127.0.0.1:{port:sink}"
Retry_Interval = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
EventLoop "pool" { Concurrency = 1 }
`;
const text = (name: string) => `Subject: ${name}\r\n${whole}\r\n${`${name} `.repeat(200)}\r\n`;

/** Fills the spool with messages that are not delivered yet, one of them large, and stops the server. */
async function fill(server: Server, names: readonly string[]): Promise<void> {
  server.configure(`${holding}Suspend_Delivery = true\n`);
  await server.start();
  const client = await SmtpClient.greet(server.ports['smtp']!);
  for (const name of names) assert.match(await client.send('a@client.test', `${name}@far.test`, text(name).slice(0, -2)), /^250 /);
  await client.quit();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
}

function segments(server: Server): string[] {
  const folder = server.path('spool/0');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.seg'))
    .sort()
    .map((name) => join(folder, name));
}

test('Garbled, torn, zero-length and foreign files in a spool are set aside with a line each, start-up goes on, and all other mail arrives (A67)', async (t) => {
  const sink = await startSink(t);
  const server = await prepareServer({ conf: holding, ports: { sink: sink.port } });
  t.after(() => server.end());
  const names = Array.from({ length: 12 }, (_, i) => `m${i}`);
  await fill(server, names);

  // In the middle of the segment a bad sector: it costs the messages it lies in.
  const [segment] = segments(server);
  const bytes = readFileSync(segment!);
  const at = bytes.indexOf('m5 m5 m5');
  assert.ok(at > 0);
  const file = openSync(segment!, 'r+');
  writeSync(file, Buffer.alloc(64, 0xee), 0, 64, at);
  closeSync(file);
  const folder = server.path('spool/0');
  writeFileSync(join(folder, '000000000900.seg'), '');
  writeFileSync(join(folder, '000000000901.seg'), Buffer.alloc(8192, 0x5a));
  writeFileSync(join(folder, '000000000902.seg'), bytes.subarray(0, 40));
  copyFileSync(segment!, join(folder, '000000000903.seg'));
  writeFileSync(join(folder, 'README'), 'not ours');
  writeFileSync(server.path('spool/notes.txt'), 'not ours either');
  mkdirSync(server.path('spool/99999'));
  writeFileSync(server.path('spool/instance/garbage'), 'x');

  server.configure(holding);
  await server.start();
  await until(
    () => sink.messages.length >= 11,
    () => `11 messages to arrive; ${sink.messages.length} did`,
    30,
  );
  await panicMatching(server, /quarantine/);
  const arrived = sink.messages.map(({ data }) => /Subject: (\w+)\r/.exec(data.toString('latin1'))![1]!);
  assert.deepEqual(arrived.sort(), names.filter((name) => name !== 'm5').sort());
  for (const { data } of sink.messages) {
    const name = /Subject: (\w+)\r/.exec(data.toString('latin1'))![1]!;
    assert.ok(data.toString('latin1').endsWith(text(name)), `${name} arrived changed`);
  }
  const said = panicTexts(server).filter((line) => line.startsWith('spool:'));
  for (const part of [
    '000000000900.seg',
    '000000000901.seg',
    '000000000902.seg',
    '000000000903.seg',
    `of ${segment!}`,
    'README is not ours',
  ]) {
    assert.equal(said.filter((line) => line.includes(part)).length, 1, `${part} in:\n${said.join('\n')}`);
  }
  assert.equal(readdirSync(server.path('spool/quarantine')).length, 5);
  assert.equal(readFileSync(join(folder, 'README'), 'utf8'), 'not ours');
  const client = await SmtpClient.greet(server.ports['smtp']!);
  assert.match(await client.send('a@client.test', 'new@far.test', text('new').slice(0, -2)), /^250 /);
  await until(() => sink.messages.length >= 12, 'new mail to pass');
  await client.quit();
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  await server.start();
  await new Promise((done) => setTimeout(done, 300));
  assert.equal(sink.messages.length, 12, 'nothing comes twice after another start');
});

test('A segment cut short in the middle of its last record loses that record and nothing else, and ec_spool_check names it (A67)', async (t) => {
  const sink = await startSink(t);
  const server = await prepareServer({ conf: holding, ports: { sink: sink.port } });
  t.after(() => server.end());
  await fill(server, ['a', 'b', 'c']);
  const [segment] = segments(server);
  const bytes = readFileSync(segment!);
  truncateSync(segment!, bytes.indexOf('c c c c') + 50);
  const check = await command('ec_spool_check', [server.path('spool')]);
  assert.match(check.out, /2 live messages[\s\S]*unfinished record/);
  server.configure(holding);
  await server.start();
  await until(() => sink.messages.length >= 2, 'two messages to arrive', 30);
  await panicMatching(server, /unfinished record/);
  assert.deepEqual(sink.messages.map(({ data }) => /Subject: (\w+)\r/.exec(data.toString('latin1'))![1]).sort(), ['a', 'b']);
});

test('A spool folder that is not ours, is a file, or belongs to a running server refuses the start and is not touched (A67)', async (t) => {
  const foreign = await prepareServer({ conf: holding, ports: { sink: 9 }, files: { 'spool/mine.txt': 'precious' } });
  const file = await prepareServer({ conf: holding, ports: { sink: 9 }, files: { spool: 'a file' } });
  const first = await prepareServer({ conf: holding, ports: { sink: 9 } });
  t.after(() => Promise.all([foreign.end(), file.end(), first.end()]));
  await assert.rejects(foreign.start(), /mine\.txt/);
  assert.deepEqual(readdirSync(foreign.path('spool')), ['mine.txt']);
  await assert.rejects(file.start(), /not a directory/);
  assert.ok(statSync(file.path('spool')).isFile());
  await first.start();
  writeFileSync(
    first.path('other.conf'),
    readFileSync(first.path('ecelerity.conf'), 'utf8')
      .replace(/ecelerity\.pid/, 'other.pid')
      .replace(/\/control"/, '/control2"')
      .replaceAll(/127\.0\.0\.1:\d+" \{\}/g, '127.0.0.1:0" {}'),
  );
  const second = await run(join(import.meta.dirname, '../../bin/ecelerity'), [
    '-c',
    first.path('other.conf'),
    '--foreground',
    '--allow-root',
  ]);
  assert.notEqual(second.code, 0);
  assert.match(second.err + second.out, new RegExp(`in use by another process.*${first.pid}`));
});
