/**
 * The way that DNS shows: MX by preference, addresses in their place, aliases, and every kind of "no", on the real server.
 *
 * The one rule: next hops differ by their loopback address and share one port, so that which of them took a message tells which
 * record was followed. Notices of failure go to notices.test, which has a hop of its own (a Gateway).
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DnsServer } from '../kit/dns-server.ts';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const dns = new DnsServer({
  zones: {
    'one.hosts.test': { A: ['127.0.0.1'] },
    'two.hosts.test': { A: ['127.0.0.2'] },
    'six.hosts.test': { AAAA: ['::1'] },
    'down.hosts.test': { A: ['127.0.0.9'] },
    'prefer.test': { MX: ['20 one.hosts.test', '10 two.hosts.test'] },
    'second.test': { MX: ['10 down.hosts.test', '20 two.hosts.test'] },
    'equal.test': { MX: ['10 one.hosts.test', '10 two.hosts.test'] },
    'moves.test': { MX: ['10 one.hosts.test'], ttl: 1 },
    'null.test': { MX: ['0 .'] },
    'bare.test': { A: ['127.0.0.2'] },
    'bare6.test': { AAAA: ['::1'] },
    'six.test': { MX: ['10 six.hosts.test'] },
    'alias.test': { CNAME: 'prefer.test' },
    'lost.test': { MX: ['10 gone.hosts.test'] },
    'self.test': { MX: ['10 mx.impetus.test', '20 one.hosts.test'] },
    'backup.test': { MX: ['5 two.hosts.test', '10 mx.impetus.test', '20 one.hosts.test'] },
    'sick.test': { MX: ['10 one.hosts.test'] },
    'silent.test': { MX: ['10 one.hosts.test'] },
    'mx.impetus.test': { A: ['127.0.0.9'] },
    'bücher.test': { MX: ['10 one.hosts.test'] },
    'xn--bcher-kva.test': { MX: ['10 two.hosts.test'] },
  },
});
const one = new Sink({ extensions: ['PIPELINING', 'SMTPUTF8'] });
const notices = new Sink({});
let two: Sink;
let six: Sink;
let server: Server;

const conf = `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Use_IPv6 = true
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
Min_DNS_TTL = 0
Max_Deliveries_Per_Connection = 1
Host_Failure_Retry = 1
Retry_Interval = 1
Max_Retry_Interval = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "notices.test" { Gateway = "127.0.0.1:{port:notices}" }
Domain "nowhere.test" { DNS_Failures_To_Purge = 1 }
Domain "lost.test" { DNS_Failures_To_Purge = 2 }
`;

before(async () => {
  await Promise.all([dns.listen(), one.listen(), notices.listen()]);
  two = await new Sink({ host: '127.0.0.2', port: one.port }).listen();
  six = await new Sink({ host: '::1', port: one.port }).listen();
  server = await prepareServer({
    conf,
    files: { 'resolv.conf': `${dns.line}\noptions timeout:1 attempts:1\n` },
    ports: { hop: one.port, notices: notices.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([dns, one, two, six, notices].map((each) => each.close()));
});

/** The notice that tells of a failure for this domain. */
async function notice(domain: string): Promise<string> {
  const found = (): string | undefined =>
    notices.messages.map(({ data }) => data.toString('latin1')).find((text) => text.includes(`u@${domain}`));
  await until(() => found() !== undefined, `a notice about ${domain}`, 30);
  return found()!;
}

const letter = { from: 'a@notices.test' };

test('OUT-25 the MX of the lowest preference takes the mail while it answers', async () => {
  for (let i = 0; i < 5; i += 1) assert.match(await handIn(server, `u${i}@prefer.test`), /^250 /);
  assert.equal((await arrivals(two, 'prefer.test', 5)).length, 5);
  assert.equal(mailFor(one, 'prefer.test').length, 0);
});

test('Q-07 a host that refuses the connection is passed over for the next one, in the same attempt', async () => {
  await handIn(server, 'u@second.test');
  await arrivals(two, 'second.test');
  const [delivery] = await mainMatching(server, 'D', 1, ({ fields }) => fields[0] === 'second.test');
  assert.equal(delivery?.fields[4], '0', 'no attempt was spent');
});

test('OUT-25 hosts of equal preference share the mail', async () => {
  for (let i = 0; i < 40; i += 1) await handIn(server, `u${i}@equal.test`);
  await until(() => mailFor(one, 'equal.test').length + mailFor(two, 'equal.test').length === 40, 'all mail for equal.test');
  assert.ok(mailFor(one, 'equal.test').length > 0 && mailFor(two, 'equal.test').length > 0);
});

test('OUT-28 an answer is believed for its TTL and asked for anew afterwards', async () => {
  await handIn(server, 'u@moves.test');
  await arrivals(one, 'moves.test');
  dns.zones.set('moves.test', { MX: ['10 two.hosts.test'], ttl: 1 });
  await until(
    async () => {
      await handIn(server, 'u@moves.test');
      return mailFor(two, 'moves.test').length > 0;
    },
    'the new record to be followed',
    20,
  );
  const asked = dns.asked.filter((question) => question === 'MX moves.test').length;
  assert.ok(asked >= 2 && asked < mailFor(one, 'moves.test').length + mailFor(two, 'moves.test').length, `${asked} questions`);
});

test('OUT-25 a domain without MX is its own host, by A and by AAAA; an MX may have IPv6 only; an alias is followed', async () => {
  for (const domain of ['bare.test', 'bare6.test', 'six.test', 'alias.test']) await handIn(server, `u@${domain}`);
  await arrivals(two, 'bare.test');
  await arrivals(six, 'bare6.test');
  await arrivals(six, 'six.test');
  await arrivals(two, 'alias.test');
  const [delivery] = await mainMatching(server, 'D', 1, ({ fields }) => fields[0] === 'six.test');
  assert.equal(delivery?.fields.at(-1), '::1');
});

test('a domain in another script is asked for in its ASCII form', async () => {
  assert.match(await handIn(server, 'u@b\xc3\xbccher.test', { mail: ' SMTPUTF8' }), /^250 /);
  await until(() => dns.asked.includes('MX xn--bcher-kva.test'), 'the question in ASCII');
});

test('OUT-25 RFC 7505 a null MX fails the mail at once with its own text, in log and notice', async () => {
  await handIn(server, 'u@null.test', letter);
  const text = await notice('null.test');
  assert.match(text, /550 5\.4\.4 \[internal\] NULL MX domain does not accept mail/);
  assert.match(text, /^Status: 5\.4\.4\r$/m);
  const [failure] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'null.test');
  assert.deepEqual(failure?.fields.slice(4, 6).concat(failure.fields.slice(8)), [
    '0',
    '0',
    '550 5.4.4 [internal] NULL MX domain does not accept mail',
  ]);
});

test('OUT-25 a domain that does not exist is transient until DNS_Failures_To_Purge, then fails with Domain Lookup Failed', async () => {
  await handIn(server, 'u@nowhere.test', letter);
  assert.match(await notice('nowhere.test'), /554 5\.4\.4 \[internal\] Domain Lookup Failed/);
  await handIn(server, 'u@lost.test', letter);
  assert.match(await notice('lost.test'), /554 5\.4\.4 \[internal\] Domain Lookup Failed/);
  const [first] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === 'lost.test');
  assert.equal(first?.fields.at(-1), '454 4.4.4 [internal] no MX or A for domain');
});

test('A52 our own name as the best MX is a loop; below another it cuts off itself and what is worse', async () => {
  await handIn(server, 'u@self.test', letter);
  assert.match(await notice('self.test'), /554 5\.4\.6 \[internal\]/);
  await handIn(server, 'u@backup.test');
  await arrivals(two, 'backup.test');
});

test('a name server that fails, or is silent, leaves the mail queued; when it answers the mail goes', async () => {
  const bad = new Set(['sick.test', 'silent.test']);
  dns.misbehave = ({ name }) => (bad.has(name) ? (name === 'sick.test' ? 'servfail' : 'drop') : undefined);
  await handIn(server, 'u@sick.test', letter);
  await handIn(server, 'u@silent.test', letter);
  for (const domain of bad) {
    const [deferred] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === domain);
    assert.match(deferred?.fields.at(-1) ?? '', /^451 4\.4\.3 \[internal\] DNS lookup failed/);
  }
  assert.equal(mainRecords(server, 'P').filter(({ fields }) => bad.has(fields[0]!)).length, 0);
  bad.clear();
  await arrivals(one, 'sick.test');
  await arrivals(one, 'silent.test');
});
