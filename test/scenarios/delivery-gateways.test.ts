/**
 * Gateways and routes in all their forms, each shown by the hop that took the mail.
 *
 * The one rule: the operator's word comes before DNS; a host in it is looked up as mail hosts are, MX first.
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
    'two.hosts.test': { A: ['127.0.0.2'] },
    'hub.test': { MX: ['10 two.hosts.test'], A: ['127.0.0.1'] },
    'listed.test': { MX: ['10 two.hosts.test'] },
  },
});
const one = new Sink({});
const other = new Sink({});
let two: Sink;
let six: Sink;
let server: Server;

const conf = `
Resolv_Conf = "{dir}/resolv.conf"
Prohibited_Hosts = ( )
Remote_SMTP_Port = {port:hop}
Relay_Hosts = ( 127.0.0.1 )
Max_Deliveries_Per_Connection = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Gateway = "127.0.0.1:{port:other}"
Domain "host.test" { Gateway = "two.hosts.test" }
Domain "mx.test" { Gateway = "hub.test" }
Domain "ip.test" { Gateway = "127.0.0.2" }
Domain "ported.test" { Gateway = "two.hosts.test:{port:hop}" }
Domain "six.test" { Gateway = "[::1]" }
Domain "sixported.test" { Gateway = "[::1]:{port:hop}" }
Domain "moved.test" { Gateway = "two.hosts.test" EHLO_Hostname = "not.this.test" }
Domain "two.hosts.test" { EHLO_Hostname = "under.gateway.test" }
Domain "routed.test" { Gateway = "" Routes = ( "127.0.0.9" "127.0.0.2" ) }
Domain "ordered.test" { Gateway = "" Routes = ( "smtp://127.0.0.1?pref=20" "smtp://127.0.0.2?pref=10" ) }
Domain "deadfirst.test" { Gateway = "" Routes = ( "smtp://127.0.0.2?pref=20" "smtp://127.0.0.9?pref=10" "smtp://127.0.0.1?pref=30" ) }
Domain "listed.test" { Gateway = "" Routes = ( "__mx__" ) }
Domain "even.test" { Gateway = "" Routes = ( "smtp://127.0.0.1?pref=10" "smtp://127.0.0.2?pref=10" ) }
`;

before(async () => {
  await Promise.all([dns.listen(), one.listen(), other.listen()]);
  two = await new Sink({ host: '127.0.0.2', port: one.port }).listen();
  six = await new Sink({ host: '::1', port: one.port }).listen();
  server = await prepareServer({ conf, files: { 'resolv.conf': `${dns.line}\n` }, ports: { hop: one.port, other: other.port } });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([dns, one, two, six, other].map((each) => each.close()));
});

test('OUT-21 a Gateway is a name, an address or either with a port; IPv6 stands in brackets', async () => {
  for (const domain of ['host.test', 'ip.test', 'ported.test']) {
    await handIn(server, `u@${domain}`);
    await arrivals(two, domain);
  }
  for (const domain of ['six.test', 'sixported.test']) {
    await handIn(server, `u@${domain}`);
    await arrivals(six, domain);
  }
});

test('OUT-21 the host of a Gateway is looked up by MX first, then by address', async () => {
  await handIn(server, 'u@mx.test');
  await arrivals(two, 'mx.test');
  assert.ok(dns.asked.includes('MX hub.test'));
});

test('OUT-20 the Gateway of the global scope takes all other mail, and DNS is not asked about it', async () => {
  await handIn(server, 'u@anything.test');
  await arrivals(other, 'anything.test');
  assert.equal(
    dns.asked.some((question) => question.includes('anything.test')),
    false,
  );
});

test('OUT-21 in a Domain scope the mail is queued under the name of the gateway, whose Domain stanza then holds', async () => {
  await handIn(server, 'u@moved.test');
  await arrivals(two, 'moved.test');
  assert.ok(two.commands.includes('EHLO under.gateway.test'), two.said('EHLO').join());
  assert.ok(!two.commands.includes('EHLO not.this.test'));
  await mainMatching(server, 'D', 1, ({ fields }) => fields[0] === 'two.hosts.test');
});

test('OUT-22 Routes are tried in their order, or by pref; __mx__ is what DNS says; equal ones share', async () => {
  await handIn(server, 'u@routed.test');
  await arrivals(two, 'routed.test');
  await handIn(server, 'u@ordered.test');
  await arrivals(two, 'ordered.test');
  await handIn(server, 'u@listed.test');
  await arrivals(two, 'listed.test');
  for (let i = 0; i < 40; i += 1) await handIn(server, `u${i}@even.test`);
  await until(() => mailFor(one, 'even.test').length + mailFor(two, 'even.test').length === 40, 'all mail for even.test');
  assert.ok(mailFor(one, 'even.test').length > 0 && mailFor(two, 'even.test').length > 0);
  assert.equal(mailFor(one, 'ordered.test').length, 0);
});

test('OUT-22, Q-07 routes with preferences and a dead first host: all mail is at the second, none at the third, and none had to wait', async () => {
  for (let i = 0; i < 10; i += 1) assert.match(await handIn(server, `u${i}@deadfirst.test`), /^250 /);
  await arrivals(two, 'deadfirst.test', 10);
  assert.equal(mailFor(one, 'deadfirst.test').length, 0);
  const records = await mainMatching(server, 'D', 10, ({ fields }) => fields[0] === 'deadfirst.test');
  assert.equal(records.length, 10);
  assert.equal(mainRecords(server, 'T').filter(({ fields }) => fields[0] === 'deadfirst.test').length, 0);
});
