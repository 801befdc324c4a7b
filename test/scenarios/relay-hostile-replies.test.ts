/**
 * Next hops that answer with floods, riddles and silence: each is classified, bounded, logged on one line, and others get their mail.
 *
 * The one rule: a message counts as delivered only when a whole 2xx reply came behind its final dot; what cannot be believed
 * is tried again later, with a connection of its own.
 */
import assert from 'node:assert/strict';
import { createServer, type Server as NetServer } from 'node:net';
import { after, test } from 'node:test';
import { linesOf, mainMatching, type MainRecord } from '../kit/log-lines.ts';
import { whole } from '../kit/mailbox.ts';
import { residentPeakKb } from '../kit/process.ts';
import { SharedServer } from '../kit/shared-server.ts';
import { Sink } from '../kit/sink.ts';

/** What a next hop says at each step, as bytes; null closes the connection, '' says nothing. */
interface Script {
  readonly banner?: string;
  readonly ehlo?: string;
  readonly mail?: string | null;
  readonly rcpt?: string | null;
  readonly data?: string | null;
  readonly dot?: string | null;
}

interface Case {
  readonly script: Script;
  /** The kind of record that the message must get, and what its reply says. */
  readonly kind: 'D' | 'T' | 'P';
  readonly reply?: RegExp;
}

const mega = 'x'.repeat(1_000_000);
const cases: Readonly<Record<string, Case>> = {
  'megabyte-text': { script: { rcpt: `550 5.1.1 ${mega}\r\n` }, kind: 'P', reply: /^550 5\.1\.1 x+/ },
  'megabyte-temporary': { script: { mail: `450 ${mega}\r\n` }, kind: 'T', reply: /^450 x+/ },
  'million-lines': { script: { dot: `${'250-more\r\n'.repeat(1_000_000)}250 ok\r\n` }, kind: 'T' },
  'many-lines': { script: { dot: `${'250-more\r\n'.repeat(1000)}250 ok\r\n` }, kind: 'D' },
  'mixed-codes': { script: { banner: '220-welcome\r\n521 no mail here\r\n' }, kind: 'T' },
  'no-behind-yes': { script: { dot: '250-ok\r\n550 no\r\n' }, kind: 'P', reply: /^550 ok no$/ },
  'yes-behind-no': { script: { dot: '550-no\r\n250 ok\r\n' }, kind: 'T' },
  'bad-enhanced': { script: { rcpt: '550 9.99.99999 nobody\r\n' }, kind: 'P', reply: /^550 9\.99\.99999 nobody$/ },
  'other-class': { script: { rcpt: '550 2.1.5 nobody\r\n' }, kind: 'P', reply: /^550 / },
  'missing-cr': {
    script: { banner: '220 lf\n', ehlo: '250-lf\n250 8BITMIME\n', mail: '250 ok\n', rcpt: '250 ok\n', data: '354 go\n', dot: '250 ok\n' },
    kind: 'D',
  },
  'no-final-line': { script: { rcpt: '250-more\r\n250-to come\r\n' }, kind: 'T' },
  silence: { script: { rcpt: '' }, kind: 'T' },
  'silent-at-dot': { script: { dot: '' }, kind: 'T' },
  'closes-at-dot': { script: { dot: null }, kind: 'T' },
  'closes-at-mail': { script: { mail: null }, kind: 'T' },
  'not-smtp': { script: { banner: 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n' }, kind: 'T' },
  'no-code': { script: { mail: 'ok\r\n' }, kind: 'T' },
  'code-99': { script: { mail: '099 odd\r\n' }, kind: 'T' },
  'code-999': { script: { mail: '999 odd\r\n' }, kind: 'T' },
  'code-354-to-mail': { script: { mail: '354 go\r\n' }, kind: 'T' },
  '421-banner': { script: { banner: '421 4.7.0 come back\r\n' }, kind: 'T', reply: /421 4\.7\.0 come back/ },
  nasty: { script: { rcpt: '550 5.7.1 \x1b[2J a@b \\ "q" \x00 \xff\xfe \x85 \r250 ok\r\n' }, kind: 'P', reply: /a@b \\ "q"/ },
  'empty-text': { script: { rcpt: '550\r\n' }, kind: 'P', reply: /^550/ },
};

function hop(script: Script): NetServer {
  return createServer((socket) => {
    let text = '';
    let inBody = false;
    const say = (bytes: string | null | undefined, otherwise: string): void => {
      if (bytes === null) socket.destroy();
      else socket.write(Buffer.from(bytes ?? otherwise, 'latin1'));
    };
    socket.on('error', () => undefined);
    say(script.banner, '220 hop ESMTP\r\n');
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const end = text.indexOf(inBody ? '\r\n.\r\n' : '\r\n');
        if (end === -1) return;
        const line = text.slice(0, end);
        text = text.slice(end + (inBody ? 5 : 2));
        if (inBody) {
          inBody = false;
          say(script.dot, '250 ok\r\n');
        } else if (/^EHLO|^HELO/.test(line)) say(script.ehlo, '250-hop\r\n250 8BITMIME\r\n');
        else if (line.startsWith('MAIL')) say(script.mail, '250 ok\r\n');
        else if (line.startsWith('RCPT')) say(script.rcpt, '250 ok\r\n');
        else if (line === 'DATA') {
          inBody = true;
          say(script.data, '354 go\r\n');
        } else say(undefined, '250 ok\r\n');
      }
    });
  });
}

const hops = new Map(Object.entries(cases).map(([name, { script }]) => [name, hop(script)]));
const sink = new Sink({});
await Promise.all([...hops.values()].map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
await sink.listen();
const portOf = (name: string) => (hops.get(name)!.address() as { port: number }).port;
after(() => {
  for (const server of hops.values()) server.close();
  void sink.close();
});

const shared = new SharedServer({
  conf: `
Relay_Hosts = ( 127.0.0.0/8 )
Generate_Bounces = false
Retry_Interval = 3600
MailFrom_Timeout = 2
RcptTo_Timeout = 2
Body_Timeout = 2
EHLO_Timeout = 2
Connect_Timeout = 2
Domain "good.test" { Gateway = "127.0.0.1:${sink.port}" }
${[...hops.keys()].map((name) => `Domain "${name}.test" { Gateway = "127.0.0.1:${portOf(name)}" }`).join('\n')}
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }`,
});

test('Each kind of reply gets its record: delivered, to be tried again, or failed, on one line of bounded length (A50, A75)', async () => {
  const client = await shared.greet();
  for (const name of hops.keys())
    assert.match(await client.send('a@client.test', `u@${name}.test`, `Subject: ${name}\r\n${whole}\r\ntext`), /^250 OK/);
  await client.quit();
  const wrong: string[] = [];
  for (const [name, { kind, reply }] of Object.entries(cases)) {
    const isMine = ({ kind: type, fields }: MainRecord) => type !== 'R' && fields[0] === `127.0.0.1:${portOf(name)}`;
    const records = await Promise.any(['D', 'T', 'P'].map((type) => mainMatching(shared.server, type, 1, isMine)));
    const [first] = records;
    const text = first!.kind === 'D' ? '' : first!.fields[8]!;
    if (first!.kind !== kind || (reply !== undefined && !reply.test(text))) wrong.push(`${name}: ${first!.kind} ${text.slice(0, 200)}`);
    assert.ok(text.length <= 1100, `${name}: a reply of ${text.length} characters in the log`);
  }
  assert.deepEqual(wrong, []);
});

test('All of this costs bounded memory, every log line parses, and mail to a good next hop passes (A50)', async () => {
  const client = await shared.greet();
  assert.match(await client.send('a@client.test', 'u@good.test', `Subject: good\r\n${whole}\r\ntext`), /^250 OK/);
  await mainMatching(shared.server, 'D', 1, ({ fields }) => fields[0] === `127.0.0.1:${sink.port}`);
  assert.equal(sink.messages.length, 1);
  assert.ok(linesOf(shared.server, 'mainlog.ec').every((line) => line.length < 4500));
  assert.ok(residentPeakKb(shared.server.pid) < 300_000, `${residentPeakKb(shared.server.pid)} kB`);
  await client.quit();
});
