/**
 * What received mail is worth, on the real server with a name server of the test: SPF, and what is written about it.
 *
 * The one rule: clients differ by their loopback address and senders by their domain, so that one server serves all tests.
 * Not here: the judgements in all their cases (trust), modules in a session without a network (modules).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DnsServer } from '../kit/dns-server.ts';
import { handIn } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const dns = new DnsServer({
  zones: {
    'ours.test': { TXT: ['v=spf1 ip4:127.0.0.1 -all'] },
    'theirs.test': { TXT: ['v=spf1 exists:%{l}.users.test -all'] },
    'a+b=c.users.test': { A: ['127.0.0.2'] },
  },
});
const sink = new Sink({});
let server: Server;

const conf = `
Resolv_Conf = "{dir}/resolv.conf"
Relay_Hosts = ( 127.0.0.0/8 )
Gateway = "127.0.0.1:{port:sink}"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
spf_macros { }
spf_v1 "spf_v1" { default_rule = "?all" add_headers = true debug_level = INFO }
`;

before(async () => {
  await dns.listen();
  await sink.listen();
  server = await prepareServer({
    conf,
    ports: { sink: sink.port },
    files: { 'resolv.conf': `${dns.line}\noptions timeout:1 attempts:1\n` },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await sink.close();
  await dns.close();
});

let count = 0;

/** Sends one message and gives what the next hop got of it, unfolded. */
async function relayed(sender: string, text = 'From: a@a.test\r\n'): Promise<string> {
  const mark = `mark-${++count}`;
  assert.match(await handIn(server, 'x@next.test', { from: sender, text: `${text}Subject: ${mark}\r\n\r\nHello\r\n` }), /^250 /);
  const find = () => sink.messages.find((message) => message.data.includes(`Subject: ${mark}\r\n`));
  await until(() => find() !== undefined, 'the message');
  return find()!
    .data.toString()
    .replace(/\r\n(?=[ \t])/g, '');
}

test('MOD-02 spf_v1 asks the name server, by macros too, and tells the next hop and the paniclog', async () => {
  assert.match(await relayed('a@ours.test'), /\r\nReceived-SPF: pass \(/);
  assert.match(
    await relayed('a+b=c@theirs.test'),
    /^Authentication-Results: mx\.impetus\.test; spf=pass reason="exists:%\{l\}\.users\.test of theirs\.test matches" smtp\.mailfrom="a\+b=c@theirs\.test"/m,
  );
  assert.match(
    await relayed('other@theirs.test'),
    /^Authentication-Results: mx\.impetus\.test; spf=fail .* smtp\.mailfrom=other@theirs\.test/m,
  );
  assert.match(await relayed('a@nothing.test'), /spf=none/);
  await until(
    () => /spf_v1 "spf_v1".*other@theirs\.test: fail \(-all of theirs\.test matches\)/.test(server.read('paniclog.ec')),
    'a line in the paniclog',
  );
});
