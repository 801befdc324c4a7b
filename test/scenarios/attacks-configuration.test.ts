/**
 * Hostile and broken configurations, at start and at reload: a precise word, and the old one stays in force.
 *
 * The one rule: after each refused reload the server behaves exactly as before, and the paniclog names file and line.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { panicMatching, panicTexts } from '../kit/log-lines.ts';
import { maildir, onlyMail, whole } from '../kit/mailbox.ts';
import { residentPeakKb } from '../kit/process.ts';
import { basics, command, freePorts, prepareServer } from '../kit/server.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const good = `
Relay_Domains = ( "inbox.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
${maildir}`;
const shared = new SharedServer({ conf: good });
const lineOf = (conf: string, part: string) => (basics + conf).split('\n').findLastIndex((line) => line.includes(part)) + 1;

/** Gives the running server a configuration that it must refuse. */
async function refuse(conf: string, pattern: RegExp, files: Readonly<Record<string, string>> = {}): Promise<void> {
  const { server } = shared;
  for (const [name, text] of Object.entries(files)) writeFileSync(server.path(name), server.fill(text));
  server.configure(conf);
  server.signal('SIGHUP');
  await panicMatching(server, pattern);
  const client = await shared.greet();
  assert.equal(await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<b@inbox.test>', 'RCPT TO:<b@evil.test>'), '250 250 550');
  await client.quit();
}

test('A reload of a broken file keeps the old configuration and says file and line: syntax, unknown option, wrong scope, wrong type (A78, CFG-11, CFG-12)', async () => {
  const file = shared.server.path('ecelerity.conf').replaceAll('.', '\\.');
  for (const [bad, word] of [
    ['Relay_Domains = ( "evil.test"', 'list .* never closed'],
    ['Relay_Domains = "evil.test', 'text .* never closed'],
    ['/* never closed', 'comment .* never closed'],
    ['Relay_Domainz = ( "evil.test" )', 'Unknown option "Relay_Domainz"'],
    ['ESMTP_Listener { Max_Outbound_Connections = 3 }', '"Max_Outbound_Connections" is not legal'],
    ['Max_Retries = many', 'Cannot set "Max_Retries" to "many"'],
    ['binding "a" { binding "b" { } }', 'Scope "Binding" may not stand in'],
    ['}', 'closes nothing'],
    ['= 3', ''],
  ] as const) {
    const conf = `${good}\nRelay_Domains = ( "evil.test" )\n${bad}\n`;
    await refuse(conf, new RegExp(`^${file}:${lineOf(conf, bad)}:\\d+: .*${word}`));
  }
  assert.ok(panicTexts(shared.server).some((text) => text.startsWith('Reconfigure failed.')));
});

test('An include loop, a missing include and an include of itself are refused with the place of the include (A78, CFG-12)', async () => {
  const file = (name: string) => shared.server.path(name).replaceAll('.', '\\.');
  await refuse(`${good}\ninclude "{dir}/a.conf"\n`, new RegExp(`${file('b.conf')}:1`), {
    'a.conf': 'include "{dir}/b.conf"\n',
    'b.conf': 'include "{dir}/a.conf"\n',
  });
  await refuse(`${good}\ninclude "{dir}/missing.conf"\n`, /missing\.conf/);
  await refuse(`${good}\ninclude "{dir}/ecelerity.conf"\n`, /Cannot include ".*ecelerity\.conf": it would include itself/);
});

test('A listener on a port of somebody else refuses the reload, and the sockets stay as they were (A78, LSN-04)', async () => {
  const sink = await SmtpClient.open(shared.port());
  const taken = (sink.socket.address() as { port: number }).port;
  await refuse(`${good}\nESMTP_Listener { Listen "127.0.0.1:${taken}" {} }\nRelay_Domains = ( "evil.test" )\n`, new RegExp(String(taken)));
  sink.socket.destroy();
});

test('A file that vanished, became a link to a device or a folder between two reloads is refused, and the next good one is taken (A78)', async () => {
  const { server } = shared;
  const path = server.path('ecelerity.conf');
  for (const [place, pattern] of [
    [() => undefined, /Cannot read ".*ecelerity\.conf": No such file/],
    [() => symlinkSync('/dev/zero', path), /dev\/zero|not a file|not a regular/i],
    [() => mkdirSync(path), /Is a directory/],
  ] as const) {
    rmSync(path, { recursive: true, force: true });
    place();
    server.signal('SIGHUP');
    await panicMatching(server, pattern);
  }
  rmSync(path, { recursive: true, force: true });
  server.configure(good.replace('"inbox.test"', '"inbox.test" "more.test"'));
  server.signal('SIGHUP');
  await panicMatching(server, /configuration \d+ is in force/);
  const client = await shared.greet();
  assert.equal(await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<b@more.test>'), '250 250');
  await client.quit();
});

test('A listener that is removed while a session is in a message lets it finish, then says 421, and new connections are refused (A78, LSN-04, LSN-10)', async (t) => {
  const server = await prepareServer({ conf: `${good}\nESMTP_Listener { Listen "127.0.0.1:{port:extra}" {} }` });
  t.after(() => server.end());
  await server.start();
  const client = await SmtpClient.greet(server.ports['extra']!);
  await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<during@inbox.test>', 'DATA');
  server.configure(good);
  server.signal('SIGHUP');
  await panicMatching(server, /configuration \d+ is in force/);
  const body = `Subject: x\r\n${whole}\r\ntext\r\n`;
  client.write(`${body}.\r\n`);
  assert.match(await client.reply(), /^250 OK/);
  assert.equal(onlyMail(server, 'during'), body);
  assert.equal(await client.say('MAIL FROM:<a@client.test>'), '421 4.3.2 Reconfiguration in progress');
  assert.equal(await client.codesToEnd(), '');
  await assert.rejects(SmtpClient.open(server.ports['extra']!));
});

test('A configuration of 10 MB starts in a moment, and one of 10 MB that never ends is refused with its first line (A78)', async (t) => {
  const [port] = await freePorts(1);
  const comment = `# ${'x'.repeat(998)}\n`;
  const domains = Array.from({ length: 20_000 }, (_, i) => `domain "d${i}.test" { Max_Outbound_Connections = ${(i % 50) + 1} }\n`).join('');
  const server = await prepareServer({ conf: good + domains + comment.repeat(9_000), ports: { smtp: port! } });
  t.after(() => server.end());
  await server.start();
  assert.ok(readFileSync(server.path('ecelerity.conf')).length > 10_000_000);
  const client = await SmtpClient.greet(port!);
  assert.equal(await client.codes('MAIL FROM:<a@client.test>', 'RCPT TO:<b@inbox.test>'), '250 250');
  await client.quit();
  assert.ok(residentPeakKb(server.pid) < 600_000, `${residentPeakKb(server.pid)} kB`);
  writeFileSync(server.path('endless.conf'), `# first\nHostname = "${'x y\n'.repeat(2_500_000)}`);
  const { code, out } = await command('ecelerity', ['-c', server.path('endless.conf'), '--check']);
  assert.equal(code, 1);
  assert.match(out, /endless\.conf:2:/);
  assert.ok(out.length < 100_000);
});

test("A start with a bad file says the manual's line, file, line, column and what would be right, and leaves nothing behind (A78, CFG-11)", async (t) => {
  const server = await prepareServer({ conf: `${good}\nIdle_Tyme = 3\n` });
  t.after(() => server.end());
  await assert.rejects(server.start(), /ecelerity\.conf:\d+:1: .*Idle_Tyme[\s\S]*Idle_Time/);
  assert.ok(!existsSync(server.path('spool')) && !existsSync(server.path('ecelerity.pid')) && !existsSync(server.path('mainlog.ec')));
});
