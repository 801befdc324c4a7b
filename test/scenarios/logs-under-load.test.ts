/**
 * The logs of a busy server whose peers write what breaks readers, rotated again and again while mail flows.
 *
 * The one rule: a ledger is kept of what clients were answered and what the next hop said; readers written here from the documented
 * grammar alone must give back exactly that, whatever files the lines went to. Truth: sections 15.1, 15.2 and 15.4 of the rules, LOG-24.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const clients = 6;
const messagesEach = 80;
/** What stands in names: separators, marks of the formats, line breaks of other alphabets, and what turns text around. */
const nasty = ['@', '@@@@M1', ' ', '\\\\', '\\"', '] CTXMESS=[x=y] ', ',', '%s%n', 'R=\\"1\\"', '\u202e', '\u2028', 'ü@', "'", '=', '<a>'];
const refusal = '550-5.7.1 a@b \\ "c", ]=[ \x1b[2J\r\n550 5.7.1 @@@@M1 \xff\xfe';
const refusalRead = '550 5.7.1 a@b \\ "c", ]=[  [2J 5.7.1 @@@@M1 ??';
const later = '450 4.2.2 \\@ full\\';

const hop = new Sink({
  replies: {
    RCPT: (line) => {
      if (line.includes('<"p')) return { raw: Buffer.from(`${refusal}\r\n`, 'latin1') };
      return line.includes('<"t') ? later : undefined;
    },
  },
  extensions: ['PIPELINING', '8BITMIME', 'SMTPUTF8'],
});
let server: Server;

before(async () => {
  await hop.listen();
  server = await prepareServer({
    conf: `
Routes = ( "127.0.0.1:{port:hop}" )
Retry_Interval = 3600
Generate_Bounces = false
bounce_logger { bouncelog = "{dir}/bouncelog.ec" }
ec_logger "ec_logger_rt" {
  mainlog = "jlog://{dir}/mainlog.rt=>ec_rt_stats"
  rejectlog = "jlog://{dir}/rejectlog.rt=>ec_rt_stats"
  paniclog = ""
}
bounce_logger "bounce_logger_rt" { bouncelog = "jlog://{dir}/bouncelog.rt=>ec_rt_stats" }
ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" { Relay_Hosts = ( 127.0.0.1 ) }
  Listen "127.0.0.1:{port:shut}" { }
}
`,
    files: {
      'ec_rotate.conf': `enabled=yes
# what follows goes on in the next line
logfiles = {dir}/mainlog.ec \\
           {dir}/rejectlog.ec {dir}/bouncelog.ec {dir}/paniclog.ec {dir}/absent.ec
retention = 999
control_socket = {dir}/control
rt_stats_enabled = no
`,
    },
    ports: { hop: hop.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await hop.close();
});

interface Accepted {
  readonly sender: string;
  readonly recipients: readonly string[];
}
const accepted: Accepted[] = [];
/** Command lines that were refused for what they asked, each to be found in the rejectlog. */
const refused: string[] = [];

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

async function say(client: SmtpClient, line: string): Promise<string> {
  client.write(Buffer.concat([utf8(line), Buffer.from('\r\n')]));
  return client.reply();
}

/** One message; false when a reload ended the session, which it does between messages, with 421 or without a word. */
async function deliver(client: SmtpClient, name: (kind: string) => string): Promise<boolean> {
  const sender = name('s');
  const all = ['d', 'p', 't'].map((kind) => `${name(kind)}@${kind === 'd' ? 'a.test' : 'b.test'}`);
  const first = await say(client, `MAIL FROM:<${sender}@home.test> SMTPUTF8`);
  if (first === '' || first.startsWith('421')) return false;
  assert.match(first, /^250/, sender);
  for (const one of all) assert.match(await say(client, `RCPT TO:<${one}>`), /^250/, one);
  assert.match(await say(client, 'DATA'), /^354/);
  assert.match(await say(client, 'Subject: @@@@M1\r\nX-Evil: \x1b[31m"@\\\r\n\r\ntext\r\n.'), /^250/);
  accepted.push({ sender: `${sender}@home.test`, recipients: all });
  return true;
}

/** One recipient that is refused; false as above. */
async function beRefused(client: SmtpClient, name: (kind: string) => string): Promise<boolean> {
  const outside = `RCPT TO:<${name('o')}@outside.test>`;
  const first = await say(client, `MAIL FROM:<${name('s')}@home.test> SMTPUTF8`);
  if (first === '' || first.startsWith('421')) return false;
  assert.match(await say(client, outside), /^550/, outside);
  refused.push(outside);
  assert.match(await say(client, 'RSET'), /^250/);
  return true;
}

async function flood(
  number: number,
  port: string,
  act: (client: SmtpClient, name: (kind: string) => string) => Promise<boolean>,
): Promise<void> {
  let client = await SmtpClient.greet(server.ports[port]!);
  for (let i = 0; i < messagesEach;) {
    const what = nasty[i % nasty.length]!;
    if (await act(client, (kind) => `"${kind}${number}.${i}${what}x"`)) i += 1;
    else {
      client.socket.destroy();
      client = await SmtpClient.greet(server.ports[port]!);
    }
  }
  await client.quit();
}

const logs = ['mainlog.ec', 'rejectlog.ec', 'bouncelog.ec'];
let aside = 0;

/** As logrotate does it: files are renamed, then the server is told. */
async function rotateByHand(tell: () => unknown): Promise<void> {
  const number = (aside += 1);
  const names = logs.filter((log) => existsSync(server.path(log)));
  for (const log of names) renameSync(server.path(log), server.path(`aside-${number}-${log}`));
  await tell();
  await until(() => names.every((log) => existsSync(server.path(log))), 'new log files');
}

const console = (line: string) => command('ec_console', [server.path('control'), ...line.split(' ')]);

/** The text of a log and of all that was rotated away. */
function everything(log: string): string {
  const files = readdirSync(server.dir).filter((name) => name.startsWith(log) || (name.startsWith('aside-') && name.endsWith(log)));
  return files
    .map((name) =>
      name.endsWith('.bz2') ? execFileSync('bzip2', ['-dc', server.path(name)], { maxBuffer: 1 << 28 }) : readFileSync(server.path(name)),
    )
    .map((bytes) => {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      assert.ok(text === '' || text.endsWith('\n'), `${log} has a file that ends in the middle of a line`);
      return text;
    })
    .join('');
}

/** One character at a time: `\` takes the next one, or the code behind it; a bare @ ends a field. */
function fieldsOf(line: string): string[] {
  const fields = [''];
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (c === '@') fields.push('');
    else if (c !== '\\') fields[fields.length - 1] += c;
    else {
      const [text, length] = escape(line, i + 1);
      fields[fields.length - 1] += text;
      i += length;
    }
  }
  return fields;
}

function escape(line: string, at: number): [text: string, length: number] {
  const c = line[at]!;
  const code =
    c === 'x' ? /^[0-9a-f]{2}/.exec(line.slice(at + 1))?.[0] : c === 'u' ? /^\{[0-9a-f]+\}/.exec(line.slice(at + 1))?.[0] : undefined;
  if (code !== undefined) return [String.fromCodePoint(parseInt(code.replace(/[{}]/g, ''), 16)), 1 + code.length];
  return [{ n: '\n', r: '\r', t: '\t' }[c] ?? c, 1];
}

/** The values behind `CTXMESS=[`, by key: words are bare or in quotes. */
function contextOf(line: string): Map<string, string> {
  let at = line.indexOf(' CTXMESS=[') + ' CTXMESS=['.length;
  // The mark may stand inside a value of CTXCONN: only that which is outside of quotes counts.
  for (let i = 0, isQuoted = false; i < line.length; i++) {
    if (line[i] === '\\') i++;
    else if (line[i] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && line.startsWith(' CTXMESS=[', i)) {
      at = i + ' CTXMESS=['.length;
      break;
    }
  }
  const pairs = new Map<string, string>();
  const word = (): string => {
    let text = '';
    const isQuoted = line[at] === '"';
    if (isQuoted) at++;
    for (; at < line.length; at++) {
      if (line[at] === '\\') {
        const [part, length] = escape(line, at + 1);
        text += part;
        at += length;
      } else if (isQuoted ? line[at] === '"' : '=,]'.includes(line[at]!)) break;
      else text += line[at];
    }
    if (isQuoted) at++;
    return text;
  };
  while (line[at] !== ']') {
    const key = word();
    assert.equal(line[at++], '=', line);
    pairs.set(key, word());
    if (line[at] === ',') at++;
  }
  return pairs;
}

test('ROT-01 LOG-24 LOG-01 A75 a mainlog written under load with hostile bytes, rotated by ec_rotate, by reopen logs and by SIGHUP, reads back record by record', async () => {
  const traffic = { isFlowing: true };
  const flowing = Promise.all(
    Array.from({ length: clients }, (_, i) => [flood(i, 'smtp', deliver), flood(i, 'shut', beRefused)]).flat(),
  ).finally(() => (traffic.isFlowing = false));
  const ways = [
    async () => {
      const ran = await command('ec_rotate', ['-conf', server.path('ec_rotate.conf'), '-v']);
      assert.equal(ran.code, 0, ran.err);
      assert.match(ran.out, /mainlog\.ec is now .*mainlog\.ec\.1\n/);
      assert.match(ran.out, /the server writes to new files\n(?:.* compressed: .*\.bz2\n){3}/);
    },
    () => rotateByHand(() => console('reopen logs')),
    () => rotateByHand(() => server.signal('SIGHUP')),
  ];
  let rotations = 0;
  for (; traffic.isFlowing || rotations < ways.length; rotations++) await ways[rotations % ways.length]!();
  await flowing;
  const lines = () => everything('mainlog.ec').split('\n').slice(0, -1);
  const wanted = clients * messagesEach * 3;
  await until(
    () => lines().filter((line) => /^(?:[^@]*@){4}[DPT]@/.test(line)).length >= wanted,
    () => `${wanted} ends in the mainlog; there are ${lines().length} lines`,
    120,
  );

  const records = lines()
    .map(fieldsOf)
    .filter((fields) => fields[4] !== 'M1');
  const count: Record<string, number> = { R: 14, D: 12, T: 14, P: 14 };
  for (const fields of records) {
    assert.equal(fields.length, count[fields[4]!], fields.join('|'));
    assert.match(fields.slice(0, 4).join(' '), /^\d{10}(?: [0-9A-F]{2}\/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}){3}$/);
  }
  assert.equal(records.length, wanted * 2);
  const receptions = records.filter((fields) => fields[4] === 'R');
  const mailbox = (fields: readonly string[], at: number) => `${fields[at]}@${fields[at + 1]}`;
  assert.deepEqual(
    receptions.map((fields) => `${mailbox(fields, 7)} ${mailbox(fields, 5)}`).sort(),
    accepted.flatMap(({ sender, recipients }) => recipients.map((one) => `${sender} ${one}`)).sort(),
  );
  assert.equal(new Set(receptions.map((fields) => fields[1])).size, wanted, 'each copy has an id of its own');
  const recipientOf = new Map(receptions.map((fields) => [fields[1]!, mailbox(fields, 5)]));
  for (const fields of records.filter((one) => one[4] !== 'R')) {
    const kind = recipientOf.get(fields[1]!)?.charAt(1).toUpperCase();
    assert.equal(fields[4], kind, 'what became of a copy is what the next hop said of its recipient');
    if (kind !== 'D') assert.equal(fields[13], kind === 'P' ? refusalRead : later);
    recipientOf.delete(fields[1]!);
  }
  assert.equal(recipientOf.size, 0, 'each copy has one end');
});

test('LOG-10 A75 every refusal under that load is one line of the rejectlog, and gives back the command as it was sent', async () => {
  // A session that a reload ended is a line, too, with 421.
  const lines = () =>
    everything('rejectlog.ec')
      .split('\n')
      .filter((line) => line.includes(' E=550 '));
  await until(
    () => lines().length >= refused.length,
    () => `${refused.length} lines; there are ${lines().length}`,
  );
  assert.deepEqual(
    lines()
      .map((line) => contextOf(line).get('rcptto_string'))
      .sort(),
    [...refused].sort(),
  );
});

test('LOG-02 A75 every failure under that load is one line of sixteen fields in the bouncelog, with the words of the reply', async () => {
  const lines = () => everything('bouncelog.ec').split('\n').slice(0, -1);
  const wanted = clients * messagesEach * 2;
  await until(
    () => lines().length >= wanted,
    () => `${wanted} lines; there are ${lines().length}`,
  );
  const records = lines().map(fieldsOf);
  assert.ok(records.every((fields) => fields.length === 16));
  const told = records.map((fields) => `${fields[7]}@${fields[8]} ${fields[4]} ${fields[5]}@${fields[6]} ${fields[15]}`);
  const expected = accepted.flatMap(({ sender, recipients }) => [
    `${sender} B ${recipients[1]} ${refusalRead}`,
    `${sender} T ${recipients[2]} ${later}`,
  ]);
  assert.deepEqual(told.sort(), expected.sort());
});

test('LOG-23 LOG-22 MOD-12 the set of jlogs for statistics holds for its subscriber what the files hold, whatever was rotated meanwhile', async () => {
  for (const log of ['mainlog', 'rejectlog', 'bouncelog']) {
    const ran = await command('jlogctl', ['-x', 'ec_rt_stats', server.path(`${log}.rt`)]);
    assert.equal(ran.code, 0, ran.err);
    const without = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => line !== '' && !/^\d+(?:@@@@M1|: Marker 1)$/.test(line))
        .sort();
    assert.deepEqual(without(Buffer.from(ran.out, 'latin1').toString('utf8')), without(everything(`${log}.ec`)), log);
  }
});

test('nothing of that went to the paniclog', () => {
  const lines = everything('paniclog.ec').split('\n').slice(0, -1);
  assert.deepEqual(
    lines.filter((line) => !line.includes('security fixes') && /lost|dropped|cannot|failed/.test(line)),
    [],
  );
});
