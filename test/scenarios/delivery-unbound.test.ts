/**
 * The way that a real name server shows: Unbound answers, and our server finds the hop, or says why there is none.
 *
 * The one rule: hops differ by their loopback address and share one port, so that which of them took a message tells which record was followed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { startServer, until } from '../kit/server.ts';
import { Sink, startSink } from '../kit/sink.ts';
import { hasUnbound, startUnbound } from '../kit/unbound.ts';

const many = Array.from({ length: 30 }, (_, i) => `many MX ${20 + i} exchanger-with-a-long-name-number-${i}.hosts.test.`).join('\n');
const zone = (moves: string): string => `
one.hosts A 127.0.0.1
two.hosts A 127.0.0.2
six.hosts AAAA ::1
down.hosts A 127.0.0.9
prefer MX 20 one.hosts
prefer MX 10 two.hosts
second MX 10 down.hosts
second MX 20 two.hosts
null MX 0 .
alias CNAME longer.alias
longer.alias CNAME prefer
badalias MX 10 name.alias
name.alias CNAME two.hosts
six MX 10 six.hosts
bare A 127.0.0.2
${many}
many MX 10 two.hosts
moves 1 MX 10 ${moves}
`;
const failureOf = (record: { fields: readonly string[] } | undefined): string => record?.fields.at(-1) ?? '';

test(
  'OUT-20, OUT-25, OUT-28 to OUT-30: what Unbound answers is followed, and what it does not answer has its own words',
  { skip: !hasUnbound },
  async (t) => {
    const one = await startSink(t);
    const two = await startSink(t, { host: '127.0.0.2', port: one.port });
    const six = await new Sink({ host: '::1', port: one.port }).listen();
    t.after(() => six.close());
    const unbound = await startUnbound(t, zone('one.hosts'));
    const server = await startServer(t, {
      conf: `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Use_IPv6 = true
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
Min_DNS_TTL = 0
Host_Failure_Retry = 1
Retry_Interval = 1
Max_Retry_Interval = 1
Idle_Timeout = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "/^(sick|silent|refused)\\./" { Retry_Interval = 3600 DNS_Failures_To_Purge = 0 }
Domain "moves.test" { Max_Deliveries_Per_Connection = 1 }
Domain "nowhere.test" { DNS_Failures_To_Purge = 1 }
`,
      files: { 'resolv.conf': `${unbound.line}\noptions timeout:1 attempts:1\n` },
      ports: { hop: one.port },
    });
    const send = async (domain: string): Promise<void> => assert.match(await handIn(server, `u@${domain}`, { from: '' }), /^250 /);

    await t.test('MX by preference, the next one when the first is down', async () => {
      for (const domain of ['prefer.test', 'second.test']) {
        await send(domain);
        await arrivals(two, domain);
      }
    });
    await t.test('TASK-109720, EOP-92: an alias of an alias, and an MX that is an alias', async () => {
      for (const domain of ['alias.test', 'badalias.test']) {
        await send(domain);
        await arrivals(two, domain);
      }
    });
    await t.test('a null MX fails at once; a name that does not exist after DNS_Failures_To_Purge', async () => {
      await send('null.test');
      const [none] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'null.test');
      assert.equal(failureOf(none), '550 5.4.4 [internal] NULL MX domain does not accept mail');
      await send('nowhere.test');
      const [lost] = await mainMatching(server, 'P', 1, ({ fields }) => fields[0] === 'nowhere.test');
      assert.equal(failureOf(lost), '554 5.4.4 [internal] Domain Lookup Failed');
    });
    await t.test('an address alone, and a host that has IPv6 only', async () => {
      await send('bare.test');
      await arrivals(two, 'bare.test');
      await send('six.test');
      await arrivals(six, 'six.test');
    });
    await t.test('an answer that was cut short over UDP is asked for over TCP: the best of 31 exchangers is found', async () => {
      await send('many.test');
      await arrivals(two, 'many.test');
    });
    await t.test('SERVFAIL, REFUSED and silence leave the mail queued', async () => {
      for (const domain of ['sick.example', 'refused.test', 'silent.test']) {
        await send(domain);
        const [record] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === domain);
        assert.match(failureOf(record), /^451 4\.4\.3 \[internal\] DNS lookup failed: /, domain);
      }
    });
    await t.test('OUT-23, OUT-28: when its TTL is over the answer is asked for anew, and the mail goes the new way', async () => {
      await send('moves.test');
      await arrivals(one, 'moves.test');
      await unbound.serve(zone('two.hosts'));
      await until(
        async () => {
          await send('moves.test');
          await until(() => mailFor(one, 'moves.test').length + mailFor(two, 'moves.test').length > 0, 'a message');
          return mailFor(two, 'moves.test').length > 0;
        },
        'mail for moves.test at the second hop',
        30,
      );
      const user = await ConsoleUser.open(server);
      t.after(() => user.close());
      assert.match(await user.run('dig moves.test MX'), /two\.hosts\.test/);
    });
  },
);
