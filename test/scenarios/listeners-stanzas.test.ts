/**
 * The shapes of ESMTP_Listener that the ecelerity.conf page shows, each on a running server, with values of our own.
 *
 * The one rule: a stanza is taken as an operator would write it, ports and paths apart, and what it says is seen by a client, in a log
 * or on the console. Where the page shows several listeners on one port, they are on one port here.
 * Truth: LSN-01 to LSN-08, LSN-18, CFG-10, V6-02; sections "ESMTP_Listener", "IPv6", "multiple event loops", "Enable", "ACLs", "Listener Options".
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { freePorts, prepareServer, root, startServer, until, type Server } from '../kit/server.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

function console_(server: Server, ...words: readonly string[]): string {
  const { stdout, stderr } = spawnSync(join(root, 'bin/ec_console'), [server.path('control'), ...words], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return stdout + stderr;
}

async function greeting(at: number | string, host?: string): Promise<string> {
  const client = await SmtpClient.open(at, undefined, host);
  const reply = await client.reply();
  client.socket.destroy();
  return reply;
}

async function isRefused(port: number, host = '127.0.0.1'): Promise<boolean> {
  return greeting(port, host).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  );
}

/** The reply to EHLO of a client at an address of this machine. */
async function ehlo(port: number, from: string, t: TestContext): Promise<{ client: SmtpClient; said: string }> {
  const client = await SmtpClient.open(port, from);
  t.after(() => client.socket.destroy());
  await client.reply();
  return { client, said: await client.say('EHLO client.test') };
}

test('One wildcard Listen is a whole listener, and every listener type of the manual may stand beside it (LSN-01)', async (t) => {
  const server = await startServer(t, { conf: 'Esmtp_Listener {\n  Listen "*:{port:smtp}" {}\n}\n' });
  assert.match(await greeting(server.ports['smtp']!), /^220 /);
  const others = await prepareServer({
    conf: `ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
ecstream ecstream1 { }
ECStream_Listener { Listen ":1825" { ECStream_Idle_Time = 200 ECStream_Max_Batch_Size = 1 Enable = false } }
HTTP_Listener { Listen ":2080" { Enable = false } }
ECCluster_Listener { Listen ":4802" { Enable = false } }
MSGCServer_Listener { Listen ":4803" { Enable = false } }
XMPP_Listener { Listen ":5222" { Enable = false } }
`,
  });
  t.after(() => others.end());
  const { stdout } = spawnSync(join(root, 'bin/ecelerity'), ['-c', others.path('ecelerity.conf'), '--check'], { encoding: 'utf8' });
  assert.match(stdout, /Configuration valid/);
});

test('A submission port with accepting threads, off at first: its socket opens by the console, and a missing pool is a critical line (LSN-04, LSN-06, LSN-07)', async (t) => {
  const stanza = `ESMTP_Listener {
  Listen "127.0.0.1:{port:smtp}" {
      Listen_Backlog = 300
      TCP_Recv_Buffer_Size = 8192
      TCP_Send_Buffer_Size = 8192
      Disable_Nagle_Algorithm = false
  }
  Listen "127.0.0.1:{port:submission}" {
      Enable = "false"
      Accept_Queue_Backlog = 200
      Events_Per_Iter = 20
      Concurrency = 4
      Pool_Name = "accept-pool"
  }
}
`;
  const server = await startServer(t, { conf: `${stanza}ThreadPool accept-pool {\n  Concurrency = 4\n}\n` });
  assert.match(await greeting(server.ports['smtp']!), /^220 /);
  // What the kernel was asked for: rows of /proc/net/tcp do not tell a backlog, ss does.
  const sockets = spawnSync('ss', ['-Hltn', `sport = :${server.ports['smtp']}`], { encoding: 'utf8' });
  if (sockets.status === 0) assert.equal(sockets.stdout.trim().split(/\s+/)[2], '300');
  assert.ok(await isRefused(server.ports['submission']!));
  const address = `127.0.0.1:${server.ports['submission']}`;
  console_(server, 'config', 'set', 'esmtp_listener', 'listen', address, 'enable', 'true');
  assert.match(await greeting(server.ports['submission']!), /^220 /);
  console_(server, 'config', 'set', 'esmtp_listener', 'listen', address, 'enable', 'false');
  assert.ok(await isRefused(server.ports['submission']!));
  assert.doesNotMatch(server.read('paniclog.ec'), /IO pool/);

  const lacking = await startServer(t, { conf: stanza.replace('Enable = "false"', '') });
  await until(
    () => /accept-pool/.test(lacking.read('paniclog.ec')),
    () => lacking.read('paniclog.ec'),
  );
  const line = lacking
    .read('paniclog.ec')
    .split('\n')
    .find((text) => text.includes('accept-pool'));
  assert.match(line ?? '', /START: .*Pool_Name "accept-pool" names no ThreadPool: the IO pool is used/);
  assert.match(await greeting(lacking.ports['submission']!), /^220 /);
});

test('An event loop pool for one listener: it is served by the loops of that pool, beside others (LSN-18, RT-03)', async (t) => {
  const server = await startServer(t, {
    conf: `eventloop "pool" {
  concurrency = 1
}
eventloop "other" { concurrency = 1 }
threadpool "accept" {
  concurrency = 1
}
delivery_pool = "pool"

esmtp_listener {
  listen "127.0.0.1:{port:smtp}" {
    concurrency = 1
    pool_name = "accept"
    event_loop = "other"
  }
  listen "127.0.0.1:{port:both}" { }
}
`,
  });
  assert.match(server.output, /loops +2/);
  assert.match(await greeting(server.ports['smtp']!), /^220 /);
  assert.match(await greeting(server.ports['both']!), /^220 /);
  // One listening socket for the loop of "other", two for the listener of all loops.
  const count = (port: number): number => {
    const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    return readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .filter((row) => row.includes(` ${local} `) && / 0A /.test(row)).length;
  };
  assert.deepEqual([count(server.ports['smtp']!), count(server.ports['both']!)], [1, 2]);
});

test('IPv4 and IPv6 wildcards and a single address on one port, and any spelling of an address is the same socket (LSN-02, LSN-03, V6-02)', async (t) => {
  const server = await startServer(t, {
    conf: `Esmtp_Listener {
  Listen "*:{port:smtp}" {}
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "[*]:{port:smtp}" {}
  Listen "[::1]:{port:second}" {}
  Listen "[0:0:0:0:0:0:0:1]:{port:second}" {}
}
`,
  });
  for (const host of ['127.0.0.1', '127.0.0.9', '::1']) assert.match(await greeting(server.ports['smtp']!, host), /^220 /, host);
  assert.match(await greeting(server.ports['second']!, '::1'), /^220 /);
  const [port] = await freePorts(1);
  const elsewhere = await prepareServer({ conf: `ESMTP_Listener { Listen "[fd82:7796:815b:af9d::aa4a]:${port}" {} }\n` });
  t.after(() => elsewhere.end());
  elsewhere.launch();
  assert.notEqual((await elsewhere.exited).code, 0);
  assert.match(elsewhere.output, /fd82:7796:815b:af9d::aa4a/);
});

test('A network in the listener and a host of it in a Listen: what the host does not say it has from the network (LSN-05, FB-07)', async (t) => {
  const server = await startServer(t, {
    conf: `Relay_Domains = ( "inbox.test" )
ESMTP_Listener {
  Peer "127.0.0.0/16" {
    Banner_Hostname = "network.test"
    Max_Message_Size = 4242
  }
  Listen "127.0.0.1:{port:smtp}" {
    Peer "127.0.0.7" {
      SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "XREMOTEIP" )
    }
  }
}
`,
  });
  const port = server.ports['smtp']!;
  const host = await ehlo(port, '127.0.0.7', t);
  const network = await ehlo(port, '127.0.0.8', t);
  const outside = await ehlo(port, '127.9.0.8', t);
  const facts = ({ said }: { said: string }): unknown[] => [
    /^250-(\S+)/.exec(said)?.[1],
    /SIZE ?(\d*)/.exec(said)?.[1],
    /ENHANCEDSTATUSCODES/.test(said),
    /XREMOTEIP/.test(said),
  ];
  assert.deepEqual(facts(host), ['network.test', '4242', true, true]);
  assert.deepEqual(facts(network), ['network.test', '4242', false, false]);
  assert.deepEqual(facts(outside), ['mx.impetus.test', '', false, false]);
  assert.match(await host.client.say('MAIL FROM:<a@b.test>'), /^250 2\.1\.0 /);
});

test('Every option of the page on one listener: relaying, limits, names, context, extensions, unqualified addresses, TLS (LSN-05, LSN-08, LSN-14, SMTP-05)', async (t) => {
  const server = await prepareServer({
    conf: `Gateway = "127.0.0.1:{port:nowhere}"
Suspend_Delivery = true
ESMTP_Listener {
  Relay_Hosts = ( "127.0.0.1" )
  Listener_Sessions = 100
  Service_Sessions = 100
  Idle_Time = 100
  Max_Receptions_Per_Connection = 2
  Max_Recipients_Per_Connection = 100
  Max_Recipients_Per_Message = 2
  Max_Message_Size = 102400
  Banner_Hostname = "banner.test"
  Received_Hostname = "received.test"
  Static_Banner = "220 we.are.test ESMTP"
  Context = [
        site = lab
  ]
  Open_Relay = false
  Relay_For_Sending_Domains = (
        "*.foo.test"
  )
  SMTP_Extensions = ( "XCLIENT" "XDUMPCONTEXT" "STARTTLS" )
  Use_SSL = false
  Allow_NULL_Envelope_Sender = true
  Domain_For_Unqualified_Sender_Address = "sender.test"
  Domain_For_Unqualified_Recipient_Addresses = "recipient.test"
  Require_EHLO = false
  TLS_Verified_Peer_Can_Relay = true
  TLS_Certificate = "{dir}/server.pem"
  TLS_Key = "{dir}/server.key"
  TLS_Client_CA = "{dir}/ca.pem"
  TLS_Ciphers = "HIGH:!aNULL"
  TLS_Verify_Mode = "optional"
  Listen "127.0.0.1:{port:smtp}" { }
}
`,
  });
  t.after(() => server.end());
  makeAuthority(server.dir);
  makeCertificate(server.dir, 'server');
  await server.start();
  const port = server.ports['smtp']!;
  assert.equal(await greeting(port), '220 we.are.test ESMTP');
  const { client, said } = await ehlo(port, '127.0.0.1', t);
  assert.match(said, /^250-banner\.test says EHLO to 127\.0\.0\.1/);
  for (const word of ['XCLIENT ', 'XDUMPCONTEXT', 'STARTTLS', 'SIZE 102400']) assert.ok(said.includes(word), word);
  assert.match(await client.say('XDUMPCONTEXT'), /\[connection\] site lab/);
  assert.equal(await client.codes('MAIL FROM:<joe>', 'RCPT TO:<jane>', 'RCPT TO:<a@x.test>', 'RCPT TO:<b@x.test>'), '250 250 250 421');
  assert.match(await client.say('XDUMPCONTEXT'), /\[message\] mailfrom_domain sender\.test/);
  assert.equal(await client.codes('RSET', 'MAIL FROM:<joe@x.test> SIZE=102401'), '250 552');
  assert.match(await client.send('', 'x@far.test', 'Subject: x\r\n\r\nx'), /^250 /);
  assert.match(await client.send('a@x.test', 'x@far.test', 'Subject: x\r\n\r\nx'), /^250 /);
  assert.match(await client.say('MAIL FROM:<a@x.test>'), /^421 .*batch limit/);
  // Another address relays for the listed senders only.
  const stranger = (await ehlo(port, '127.0.0.5', t)).client;
  assert.equal(await stranger.codes('MAIL FROM:<a@x.test>', 'RCPT TO:<b@far.test>', 'RSET'), '250 550 250');
  assert.equal(await stranger.codes('MAIL FROM:<a@sub.foo.test>', 'RCPT TO:<b@far.test>', 'RSET'), '250 250 250');
  assert.equal(await stranger.codes('MAIL FROM:<a@foo.test>', 'RCPT TO:<b@far.test>'), '250 550');
});

test('Context by the connecting address, and __bypass_MODULE among it, is what a module and XDUMPCONTEXT see (LSN-12, LSN-13, CTX-08)', async (t) => {
  const server = await startServer(t, {
    conf: `ESMTP_Listener {
  Context = [ tier = public ]
  SMTP_Extensions = ( "XDUMPCONTEXT" )
  Peer "127.0.1.0/24" { Context = [ tier = partner __bypass_spf_v1 = true ] }
  Listen "127.0.0.1:{port:smtp}" { Peer "127.0.1.9" { Pathway = "inside" } }
}
Pathway "inside" { Context = [ unseen = yes ] Banner_Hostname = "inside.test" }
`,
  });
  const port = server.ports['smtp']!;
  const dump = async (from: string): Promise<string[]> => {
    const { client } = await ehlo(port, from, t);
    return (await client.say('XDUMPCONTEXT'))
      .split('\n')
      .map((line) => line.slice(4))
      .filter((line) => /tier|bypass|pathway|unseen/.test(line));
  };
  assert.deepEqual(await dump('127.0.2.1'), ['[connection] tier public']);
  assert.deepEqual(await dump('127.0.1.1'), ['[connection] __bypass_spf_v1 true', '[connection] tier partner']);
  assert.deepEqual(await dump('127.0.1.9'), [
    '[connection] __bypass_spf_v1 true',
    '[connection] pathway inside',
    '[connection] tier partner',
  ]);
});

test('SMTP-18 Inbound_Throttle_Messages of a pathway lets in so many a second over all loops, and refuses the rest for now', async (t) => {
  const server = await startServer(t, {
    conf: `EventLoop "pool" { Concurrency = 2 }
Relay_Domains = ( "inbox.test" )
Suspend_Delivery = true
Pathway "slow" { Inbound_Throttle_Messages = "1/3600" }
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } Listen "127.0.0.1:{port:slow}" { Pathway = "slow" } }
`,
  });
  const answers: string[] = [];
  for (let i = 0; i < 6; i++) {
    const client = await SmtpClient.greet(server.ports['slow']!);
    answers.push(await client.codes('MAIL FROM:<a@b.test>'));
    if (answers.at(-1) === '250') assert.equal(await client.codes('RCPT TO:<x@inbox.test>', 'DATA'), '250 354');
    client.socket.destroy();
  }
  assert.deepEqual(answers, ['250', '452', '452', '452', '452', '452']);
  const free = await SmtpClient.greet(server.ports['smtp']!);
  assert.match(await free.send('a@b.test', 'x@inbox.test', 'Subject: x\r\n\r\nx'), /^250 /);
  free.socket.destroy();
});

test('LSN-08 A61 Service_Sessions and Listener_Sessions are exact over two event loops, also when all come at once, and places come back', async (t) => {
  const server = await startServer(t, {
    conf: `EventLoop "pool" { Concurrency = 2 }
ESMTP_Listener {
  Service_Sessions = 9
  Listen "127.0.0.1:{port:a}" { }
  Listen "127.0.0.1:{port:b}" { Listener_Sessions = 4 }
}
`,
  });
  const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
  const atFirst = descriptors();
  /** Opens many at once on both; how many were greeted on each. */
  const storm = async (): Promise<{ a: number; b: number; open: SmtpClient[] }> => {
    const all = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const name = i % 2 === 0 ? 'a' : 'b';
        const client = await SmtpClient.open(server.ports[name]!);
        return { name, client, code: (await client.reply()).slice(0, 3) };
      }),
    );
    assert.ok(all.every(({ code }) => code === '220' || code === '421'));
    const greeted = all.filter(({ code }) => code === '220');
    const count = (name: string): number => greeted.filter((one) => one.name === name).length;
    return { a: count('a'), b: count('b'), open: greeted.map(({ client }) => client) };
  };
  for (let round = 0; round < 3; round++) {
    const { a, b, open } = await storm();
    assert.equal(a + b, 9, `round ${round}: ${a} and ${b}`);
    assert.ok(b <= 4, `round ${round}: ${b} on b`);
    await Promise.all(open.map((client) => client.quit()));
    await until(
      () => descriptors() <= atFirst,
      () => `the connections to be gone; ${descriptors()} descriptors are open, ${atFirst} were`,
    );
  }
});
