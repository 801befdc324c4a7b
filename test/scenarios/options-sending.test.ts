/**
 * Options of the sending side, from the configuration to what a next hop hears.
 *
 * The one rule: one server, a name server and two next hops of our own; each test has a domain, or a few, of its own.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DnsServer } from '../kit/dns-server.ts';
import { mainMatching, mainRecords } from '../kit/log-lines.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink, type Taken } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const zone = { MX: ['10 mx.dns.test'] };
const names = ['plain', 'ehlo', 'smtp', 'eight', 'batch', 'once', 'retry', 'never', 'quiet', 'whole', 'lost', 'held', 'hole', 'sender'];
const dns = new DnsServer({
  zones: {
    'mx.dns.test': { A: ['127.0.0.1'] },
    'bad.dns.test': { A: ['127.0.0.77'] },
    ...Object.fromEntries(names.map((name) => [`${name}.test`, zone])),
  },
});
const later = new Set<string>();
const hop = new Sink({
  extensions: ['PIPELINING', '8BITMIME'],
  replies: {
    RCPT: (line) => {
      const address = /<(.*)>/.exec(line)?.[1] ?? '';
      if (address.endsWith('@retry.test') && !later.has(address)) {
        later.add(address);
        return '451 4.3.0 once more';
      }
      if (/@(?:never|lost)\.test$/.test(address)) return '451 4.3.0 later';
      if (/@(?:quiet|whole)\.test$/.test(address)) return '550 5.1.1 no such user';
      return undefined;
    },
  },
});
const gateway = new Sink({});
let server: Server;

const conf = `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "gateway.test" { Gateway = "127.0.0.1:{port:gateway}" }
Domain "routes.test" { Routes = ( "127.0.0.1:{port:gateway}" ) }
Domain "ehlo.test" { EHLO_Hostname = "out.example.test" }
Domain "smtp.test" { Delivery_Method = SMTP }
Domain "eight.test" { Send_8BITMIME = ifavailable }
Domain "batch.test" { Max_Recipients_Per_Batch = 2 }
Domain "once.test" { Max_Deliveries_Per_Connection = 1 Max_Outbound_Connections = 1 }
Domain "retry.test" { Retry_Interval = 1 Max_Retry_Interval = 1 }
Domain "never.test" { Never_Retry = true MailerDaemon = "daemon@notices.test" }
Domain "quiet.test" { Generate_Bounces = false }
Domain "whole.test" { Bounces_Inline_Original = all }
Domain "lost.test" { Retry_Interval = 1 Max_Retries = 1 }
Domain "held.test" { Suspend_Delivery = true }
Domain "hole.test" { Blackhole = internal }
Domain "inline.test" { Blackhole = inline }
`;

before(async () => {
  await Promise.all([dns.listen(), hop.listen(), gateway.listen()]);
  server = await prepareServer({
    conf,
    files: { 'resolv.conf': `${dns.line}\n` },
    ports: { hop: hop.port, gateway: gateway.port },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([dns.close(), hop.close(), gateway.close()]);
});

async function send(to: string | readonly string[], body = 'Subject: x\r\n\r\nhello', from = 'a@sender.test'): Promise<string> {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  const reply = await client.send(from, to, body);
  await client.quit();
  return reply;
}

async function arrives(at: Sink, domain: string, count = 1): Promise<Taken[]> {
  const found = (): Taken[] => at.messages.filter(({ rcptTo }) => rcptTo.some((line) => line.includes(`@${domain}>`)));
  await until(() => found().length >= count, `${count} messages for ${domain}`);
  return found();
}

const noticeFor =
  (domain: string) =>
  (message: Taken): boolean =>
    message.mailFrom.startsWith('MAIL FROM:<>') && message.data.toString('latin1').includes(`@${domain}`);

test('OUT-30 Resolv_Conf names the servers that are asked, and Remote_SMTP_Port the port of the hosts they name', async () => {
  assert.match(await send('u@plain.test'), /^250 /);
  await arrives(hop, 'plain.test');
  assert.ok(dns.asked.includes('MX plain.test') && dns.asked.includes('A mx.dns.test'), dns.asked.join(', '));
});

test('OUT-20 OUT-21 OUT-22 Gateway and Routes of a domain take its mail, whatever DNS says', async () => {
  await send('u@gateway.test');
  await send('u@routes.test');
  await arrives(gateway, 'gateway.test');
  await arrives(gateway, 'routes.test');
  assert.equal(
    dns.asked.some((question) => /gateway|routes/.test(question)),
    false,
  );
});

test('OUT-42 OUT-40 EHLO_Hostname is the name we give; Delivery_Method SMTP says HELO', async () => {
  await send('u@ehlo.test');
  await arrives(hop, 'ehlo.test');
  assert.ok(hop.commands.includes('EHLO out.example.test'));
  await send('u@smtp.test');
  await arrives(hop, 'smtp.test');
  assert.ok(hop.commands.includes('HELO mx.impetus.test'));
});

test('OUT-46 Send_8BITMIME = ifavailable announces what the client announced; by default it does not', async () => {
  const client = await SmtpClient.greet(server.ports['smtp']!);
  for (const domain of ['eight.test', 'plain.test']) {
    await client.codes('MAIL FROM:<eight@sender.test> BODY=8BITMIME', `RCPT TO:<eight@${domain}>`, 'DATA');
    client.write('Subject: x\r\n\r\n\xe9\r\n.\r\n');
    assert.match(await client.reply(), /^250 /);
  }
  await client.quit();
  const [eight] = await arrives(hop, 'eight.test');
  assert.match(eight?.mailFrom ?? '', /BODY=8BITMIME/);
  const plain = (await arrives(hop, 'plain.test', 2)).at(-1);
  assert.doesNotMatch(plain?.mailFrom ?? '', /BODY=/);
});

test('OUT-43 SHP-06 Max_Recipients_Per_Batch parts the recipients; Max_Deliveries_Per_Connection parts the messages', async () => {
  await send(['1@batch.test', '2@batch.test', '3@batch.test']);
  const parts = await arrives(hop, 'batch.test', 2);
  assert.deepEqual(parts.map(({ rcptTo }) => rcptTo.length).sort(), [1, 2]);
  for (const user of ['1', '2', '3']) await send(`${user}@once.test`);
  const messages = await arrives(hop, 'once.test', 3);
  assert.equal(new Set(messages.map(({ connection }) => connection)).size, 3);
});

test('Q-02 Retry_Interval is the wait after a transient failure, Max_Retries the number of tries, Never_Retry none', async () => {
  await send('u@retry.test');
  await arrives(hop, 'retry.test');
  assert.equal(mainRecords(server, 'T').length > 0, true);
  await send('u@never.test');
  await send('u@lost.test');
  await until(() => hop.messages.some(noticeFor('lost.test')), 'the notice about lost.test');
  const tries = hop.commands.filter((line) => line.startsWith('RCPT TO:<u@lost.test>')).length;
  assert.equal(tries, 2, 'one retry');
  assert.equal(hop.commands.filter((line) => line.startsWith('RCPT TO:<u@never.test>')).length, 1);
});

test('BNC-01 BNC-02 Generate_Bounces = false tells nobody; MailerDaemon signs; Bounces_Inline_Original quotes', async () => {
  await send('u@quiet.test', 'Subject: quiet\r\n\r\nbody of quiet', 'a@sender.test');
  await send('u@whole.test', 'Subject: whole\r\n\r\nbody of whole', 'a@sender.test');
  await until(() => hop.messages.some(noticeFor('whole.test')), 'the notice about whole.test');
  const text = (domain: string): string => hop.messages.find(noticeFor(domain))?.data.toString('latin1') ?? '';
  assert.match(text('whole.test'), /body of whole/);
  await until(() => hop.messages.some(noticeFor('never.test')), 'the notice about never.test');
  assert.match(text('never.test'), /^From: .*daemon@notices\.test/m);
  assert.doesNotMatch(text('never.test'), /^hello/m, 'headers only, by default');
  assert.equal(hop.messages.some(noticeFor('quiet.test')), false);
});

test('Q-16 Blackhole: inline refuses at RCPT, internal fails after acceptance, and nothing reaches a next hop', async () => {
  assert.match(await send('u@inline.test'), /^551 /);
  assert.match(await send('u@hole.test'), /^250 /);
  await mainMatching(server, 'P', 1, ({ fields }) => fields.includes('hole.test'));
  assert.equal(
    hop.commands.some((line) => line.includes('@hole.test')),
    false,
  );
});

test('OUT-04 Suspend_Delivery holds the mail of a domain until a reload lets it go', async () => {
  assert.match(await send('u@held.test'), /^250 /);
  await send('after@plain.test');
  await until(() => hop.commands.some((line) => line.includes('after@plain.test')), 'mail that is not held');
  assert.equal(
    hop.commands.some((line) => line.includes('@held.test')),
    false,
  );
  server.configure(conf.replace('Suspend_Delivery = true', 'Suspend_Delivery = false'));
  server.signal('SIGHUP');
  await arrives(hop, 'held.test');
});
