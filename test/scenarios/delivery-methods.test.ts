/**
 * Other ways to hand mail on: LMTP by port and by Unix socket, logging in, XCLIENT, content made 7-bit; static routes and mail loops.
 *
 * The one rule: what counts is what the hop heard. A password is only ever given to a hop whose certificate names it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { ConsoleUser } from '../kit/console.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { mailOf } from '../kit/mailbox.ts';
import { arrivals, handIn } from '../kit/outgoing.ts';
import { prepareServer, startServer, until, type Server } from '../kit/server.ts';
import { Sink, startSink } from '../kit/sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'impetus-methods-'));
const lhlo = { LHLO: '250-lmtp.test\r\n250-PIPELINING\r\n250 8BITMIME' };
let hops: Record<string, Sink>;
let server: Server;

before(async () => {
  makeAuthority(folder);
  const { cert, key } = makeCertificate(folder, 'relay', { names: ['relay.test', 'IP:127.0.0.1'] });
  const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  const auth = { AUTH: '235 2.7.0 welcome' };
  const extensions = ['PIPELINING', 'AUTH PLAIN LOGIN'];
  hops = {
    lmtp: new Sink({ replies: { ...lhlo, '.': '250 2.1.5 first\r\n550 5.2.2 second is full' } }),
    socket: new Sink({ path: join(folder, 'Lmtp.sock'), replies: lhlo }),
    safe: new Sink({ tls, extensions, replies: auth }),
    bare: new Sink({ extensions, replies: auth }),
    xclient: new Sink({ extensions: ['PIPELINING', 'XCLIENT ADDR HELO'], replies: { XCLI: '220 again' } }),
    seven: new Sink({
      extensions: ['PIPELINING'],
      replies: { RCPT: (line) => (line.includes('@words.test>') ? '550 5.7.1 192.0.2.1 is listed' : undefined) },
    }),
  };
  await Promise.all(Object.values(hops).map((hop) => hop.listen()));
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Trace_SMTP_Mode = 0600
Resolv_Conf = "{dir}/resolv.conf"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
outbound_smtp_auth { }
Domain "lmtp.test" { Delivery_Method = LMTP LMTP_Port = {port:lmtp} Routes = ( "127.0.0.1" ) }
Domain "socket.test" { Delivery_Method = LMTP Gateway = "unix:${folder}/Lmtp.sock" }
Domain "relay.test" {
  Routes = ( "127.0.0.1:{port:safe}" )
  TLS = required TLS_Verify = host TLS_CA = "${folder}/ca.pem"
  Outbound_SMTP_Auth_Type = PLAIN Outbound_SMTP_Auth_User = "ada" Outbound_SMTP_Auth_Pass = "s3cret"
}
Domain "stranger.test" {
  Routes = ( "127.0.0.1:{port:safe}" )
  TLS = required
  Outbound_SMTP_Auth_Type = PLAIN Outbound_SMTP_Auth_User = "ada" Outbound_SMTP_Auth_Pass = "s3cret" Outbound_SMTP_Auth_Key = "k"
}
Domain "bare.test" {
  Routes = ( "127.0.0.1:{port:bare}" )
  Outbound_SMTP_Auth_Type = PLAIN Outbound_SMTP_Auth_User = "ada" Outbound_SMTP_Auth_Pass = "s3cret"
}
Domain "xclient.test" { XClient = required Routes = ( "127.0.0.1:{port:xclient}" ) }
Domain "noxclient.test" { XClient = required Routes = ( "127.0.0.1:{port:seven}" ) }
Domain "seven.test" { Transform_8BITMIME_Content = ifneeded Routes = ( "127.0.0.1:{port:seven}" ) }
Domain "words.test" {
  Response_Transcode_Pattern = "^550 5\\.7\\.1 (\\S+) is listed" Response_Transcode_Replace = "451 4.7.1 $1 will be taken off the list"
  Routes = ( "127.0.0.1:{port:seven}" )
}
Domain "strict.test" { Transform_8BITMIME_Content = strict Routes = ( "127.0.0.1:{port:seven}" ) }
`,
    files: { 'resolv.conf': 'nameserver 127.0.0.1\n' },
    ports: Object.fromEntries(Object.entries(hops).flatMap(([name, hop]) => (name === 'socket' ? [] : [[name, hop.port]]))),
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all(Object.values(hops).map((hop) => hop.close()));
  rmSync(folder, { recursive: true, force: true });
});

const hop = (name: string): Sink => hops[name] ?? assert.fail(name);

/** The reply of the T or P record of a domain. */
async function failure(kind: 'T' | 'P', domain: string): Promise<string> {
  const [record] = await mainMatching(server, kind, 1, ({ fields }) => fields[0] === domain);
  return record?.fields.at(-1) ?? '';
}

test('OUT-40: Delivery_Method LMTP greets with LHLO at LMTP_Port, and the answer to each recipient is that recipient\u2019s', async () => {
  assert.match(await handIn(server, ['first@lmtp.test', 'second@lmtp.test'], { from: '' }), /^250 /);
  await arrivals(hop('lmtp'), 'lmtp.test');
  assert.equal(hop('lmtp').commands[0], 'LHLO mx.impetus.test');
  await mainMatching(server, 'D', 1, ({ fields }) => fields[0] === 'lmtp.test');
  assert.equal(await failure('P', 'lmtp.test'), '550 5.2.2 second is full');
});

test('OUT-21, OUT-40: LMTP reaches a server on a Unix socket, whose path keeps its capitals', async () => {
  assert.match(await handIn(server, 'u@socket.test'), /^250 /);
  const [message] = await arrivals(hop('socket'), 'socket.test');
  assert.match(message?.data.toString() ?? '', /\r\nhello\r\n$/);
});

test('OUT-47, A45: we log in where the certificate names the hop, and nowhere else; no log shows the password', async () => {
  for (const domain of ['relay.test', 'stranger.test', 'bare.test']) assert.match(await handIn(server, `u@${domain}`), /^250 /);
  await arrivals(hop('safe'), 'relay.test');
  const secret = Buffer.from('\0ada\0s3cret').toString('base64');
  assert.deepEqual(hop('safe').said('AUTH'), [`AUTH PLAIN ${secret}`]);
  for (const domain of ['stranger.test', 'bare.test'])
    assert.equal(await failure('T', domain), '451 4.7.0 [internal] AUTH needs TLS that proved who the server is');
  assert.deepEqual(hop('bare').said('AUTH'), []);
  for (const log of ['mainlog.ec', 'paniclog.ec']) assert.ok(!server.read(log).includes('s3cret') && !server.read(log).includes(secret));
});

test('OUT-47, A45: trace smtp writes conversations of a domain to a file of Trace_SMTP_Mode, without what we prove ourselves with and without the mail', async () => {
  const user = await ConsoleUser.open(server);
  const file = server.path('trace.log');
  assert.match(await user.refused('trace smtp add * relay.test trace.log'), /expected an absolute path/);
  assert.equal(await user.run(`trace smtp add * Relay.TEST ${file}`), 'Registered smtp tracer #1');
  assert.equal(await user.run('trace smtp add default other.test'), 'Registered smtp tracer #2');
  hop('safe').messages.length = 0;
  assert.match(await handIn(server, 'traced@relay.test'), /^250 /);
  await arrivals(hop('safe'), 'relay.test');
  await until(
    () => /octets of a message[^]*< 250 2\.0\.0 taken/.test(server.read('trace.log')),
    () => `the answer to the message in the file:\n${server.read('trace.log')}`,
  );
  const text = server.read('trace.log');
  // The connection may have been opened before the tracer was there.
  assert.match(text, /^\S+Z #\d+\.\d+ default relay\.test 127\.0\.0\.1 > MAIL FROM:<[^>]*>/m);
  assert.match(text, /> RCPT TO:<traced@relay\.test>/);
  assert.ok(!text.includes('Subject'), 'the mail itself is not in it');
  assert.match(await user.run('trace smtp show 1 500'), /RCPT TO:<traced@relay\.test>/);
  const list = await user.run('trace smtp list');
  assert.match(list, new RegExp(`\\[ {5}1\\] {2}binding: \\*\\n +domain: relay\\.test\\n +file: ${file} @ \\d+`));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  // A new connection logs in under the eyes of the tracer.
  await until(() => hop('safe').open === 0, 'the connection to end');
  assert.match(await handIn(server, 'again@relay.test'), /^250 /);
  await until(
    () => /< 235 2\.7\.0 welcome/.test(server.read('trace.log')),
    () => server.read('trace.log'),
  );
  const whole = server.read('trace.log');
  assert.match(whole, /= TLS begins/);
  assert.match(whole, /> AUTH PLAIN \(what follows is not shown\)/);
  for (const secret of ['s3cret', Buffer.from('\0ada\0s3cret').toString('base64')]) assert.ok(!whole.includes(secret));
  assert.equal(await user.run('trace smtp remove 1'), 'Removed smtp tracer #1');
  assert.equal(await user.run('trace smtp show 2'), 'Nothing was said yet.');
  assert.match(await user.refused('trace smtp remove 1'), /no smtp tracer "1"/);
  await user.run('trace smtp remove 2');
  assert.equal(await user.run('trace smtp list'), 'There are no smtp tracers.');
  user.close();
});

test('OUT-45: XClient = required tells the hop who handed the mail in, and keeps it from a hop that cannot hear it', async () => {
  assert.match(await handIn(server, 'u@xclient.test'), /^250 /);
  await arrivals(hop('xclient'), 'xclient.test');
  const [said = ''] = hop('xclient').said('XCLIENT');
  assert.match(said, /^XCLIENT ADDR=127\.0\.0\.1 HELO=\S+$/);
  assert.match(await handIn(server, 'u@noxclient.test'), /^250 /);
  assert.equal(await failure('T', 'noxclient.test'), '451 4.7.6 [internal] XCLIENT required but not advertised');
});

test('OUT-46: for a hop without 8BITMIME the content is encoded, and strict fails what cannot be', async () => {
  const text = 'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9 au lait';
  assert.match(await handIn(server, 'u@seven.test', { text, mail: ' BODY=8BITMIME' }), /^250 /);
  const [message] = await arrivals(hop('seven'), 'seven.test');
  assert.match(message?.data.toString('latin1') ?? '', /Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9 au lait\r\n$/);
  assert.match(await handIn(server, 'u@strict.test', { from: '', text: 'Subject: caf\xe9\r\n\r\nx' }), /^250 /);
  assert.match(await failure('P', 'strict.test'), /^554 5\.6\.3 \[internal\] 8-bit content/);
});

test('Q-15: a refusal that matches Response_Transcode_Pattern is read as Response_Transcode_Replace says', async () => {
  assert.match(await handIn(server, 'u@words.test'), /^250 /);
  assert.equal(await failure('T', 'words.test'), '451 4.7.1 192.0.2.1 will be taken off the list');
});

test('OUT-23, OUT-49: static_routes takes all mail, follows config set, and mail_loop keeps it from our own addresses', async (t) => {
  const one = await startSink(t);
  const two = await startSink(t, { host: '127.0.0.2' });
  const routed = await startServer(t, {
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
static_routes { target = "127.0.0.2:{port:two}" }
mail_loop "loop" { max_received_headers = 3 use_ip = true }
Domain "gateway.test" { Gateway = "127.0.0.9" }
`,
    ports: { one: one.port, two: two.port },
  });
  for (const domain of ['any.test', 'gateway.test']) {
    assert.match(await handIn(routed, `u@${domain}`), /^250 /);
    await arrivals(two, domain);
  }
  const text = `${Array.from({ length: 4 }, (_, i) => `Received: from hop${i}`).join('\r\n')}\r\nSubject: x\r\n\r\nround`;
  assert.match(await handIn(routed, 'u@any.test', { text }), /^554 too many hops/);
  const user = await ConsoleUser.open(routed);
  t.after(() => user.close());
  assert.match(await user.refused('config set static_routes target "somewhere.test"'), /expected an address/);
  await user.run(`config set static_routes target "127.0.0.1:${one.port}"`);
  assert.match(await handIn(routed, 'own@any.test', { from: '' }), /^250 /);
  const [record] = await mainMatching(routed, 'P', 1, ({ fields }) => fields[0] === 'any.test');
  assert.equal(record?.fields.at(-1), '554 5.4.6 [internal] mail loop: the next hop is this host');
  assert.equal(one.connections, 0);
  await until(() => two.messages.length === 2, 'both messages');
});

test('OUT-48: pipe_transport gives the mail of its domains to a program, and its exit status is the answer to the client', async (t) => {
  const piped = await startServer(t, {
    conf: `
Relay_Domains = ( "pipe.test" "full.test" "mail.test" )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
maildir { basedir = "{dir}/mail" domains = ( "mail.test" ) createusers = true }
pipe_transport "keep" {
  program_name = "/bin/cat"
  output_file = "{dir}/pipe.out"
  domain = ( "pipe.test" )
}
pipe_transport "refuse" {
  program_name = "/bin/false"
  error_file = "{dir}/pipe.err"
  domain = ( "full.test" )
  code = [
    1 = "450 4.2.2 the program is full"
  ]
}
`,
  });
  assert.match(await handIn(piped, ['a@pipe.test', 'b@pipe.test'], { text: 'Subject: piped\r\n\r\n..dot' }), /^250 /);
  const got = piped.read('pipe.out');
  assert.match(got, /^Return-Path: <a@sender\.test>\r\nReceived: [\s\S]*\r\nSubject: piped\r\n[\s\S]*\r\n\r\n\.dot\r\n$/);
  assert.equal(got.match(/Subject: piped/g)?.length, 1, 'once for both recipients');
  assert.match(await handIn(piped, ['u@mail.test', 'u@full.test']), /^450 .*the program is full$/);
  assert.deepEqual(mailOf(piped, 'u'), [], 'what the program refused is in no mailbox either');
  assert.match(await handIn(piped, 'u@mail.test'), /^250 /);
  assert.equal(mailOf(piped, 'u').length, 1);
});
