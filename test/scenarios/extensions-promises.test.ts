/**
 * What a client may ask for beyond delivery, from its MAIL to the next hop: held until, delivered by, never in clear, sooner than others.
 *
 * The one rule: a promise that was made is kept by the whole way or given back to the sender with its reason, never forgotten.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { makeAuthority, makeCertificate } from '../kit/certificates.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';
import { SmtpClient } from '../kit/smtp-client.ts';

const dir = mkdtempSync(join(tmpdir(), 'impetus-promises-'));
makeAuthority(dir);
const pair = makeCertificate(dir, 'hop', { names: ['safe.test', 'poor.test'] });
const tls = { cert: readFileSync(pair.cert, 'utf8'), key: readFileSync(pair.key, 'utf8') };
const full = new Sink({ tls, extensions: ['PIPELINING', 'REQUIRETLS', 'DELIVERBY', 'MT-PRIORITY'] });
const poor = new Sink({ tls, extensions: ['PIPELINING'] });
const back = new Sink({});
const hops = { full, poor, back };
let server: Server;

before(async () => {
  await Promise.all([full.listen(), poor.listen(), back.listen()]);
  const to = (name: string): string => `Routes = ( "127.0.0.1:{port:${name}}" ) TLS = ifavailable TLS_CA = "${join(dir, 'ca.pem')}"`;
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
ESMTP_Listener {
  TLS_Certificate = "${pair.cert}"
  TLS_Key = "${pair.key}"
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "FUTURERELEASE 3600" "DELIVERBY 10" "MT-PRIORITY" "REQUIRETLS" "LIMITS" )
  Max_Receptions_Per_Connection = 20
  Listen "127.0.0.1:{port:smtp}" {}
  Listen "127.0.0.1:{port:smtps}" { Use_SSL = true }
}
Domain "safe.test" { ${to('full')} }
Domain "poor.test" { ${to('poor')} }
Domain "dead.test" { Gateway = "127.0.0.1:1" }
Domain "sender.test" { Gateway = "127.0.0.1:{port:back}" }
`,
    ports: Object.fromEntries(Object.entries(hops).map(([name, hop]) => [name, hop.port])),
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all(Object.values(hops).map((hop) => hop.close()));
  rmSync(dir, { recursive: true, force: true });
});

/** Hands in one message over TLS. */
async function handInSecured(to: string, mail: string, from = 'a@sender.test'): Promise<string> {
  const socket = connect({ port: server.ports['smtps']!, host: '127.0.0.1', rejectUnauthorized: false });
  await new Promise<void>((done, fail) => socket.once('secureConnect', done).once('error', fail));
  const client = new SmtpClient(socket);
  await client.reply();
  await client.say('EHLO client.test');
  const begun = await client.say(`MAIL FROM:<${from}> ${mail}`);
  if (!begun.startsWith('250')) return begun;
  await client.say(`RCPT TO:<${to}>`);
  await client.say('DATA');
  client.write('Subject: secret\r\n\r\nthe secret itself\r\n.\r\n');
  const reply = await client.reply();
  await client.quit();
  return reply;
}

test('LIMITS tells before a client meets them (EXT-01)', async () => {
  const client = await SmtpClient.open(server.ports['smtp']!);
  await client.reply();
  assert.match(await client.say('EHLO c.test'), /250.LIMITS MAILMAX=20 RCPTMAX=50000/);
  await client.quit();
});

test('FUTURERELEASE: a message that is to be held leaves when its time has come and not before (EXT-01)', async () => {
  const begun = performance.now();
  assert.match(await handIn(server, 'held@safe.test', { mail: ' HOLDFOR=2' }), /^250 /);
  await handIn(server, 'now@safe.test');
  const order = (await arrivals(full, 'safe.test', 2)).map(({ rcptTo }) => rcptTo[0]?.replace(/.*<(\w+)@.*/, '$1'));
  assert.deepEqual(order, ['now', 'held']);
  assert.ok(performance.now() - begun >= 2000);
  assert.match(await handIn(server, 'held@safe.test', { mail: ' HOLDFOR=3601' }), /^501 5\.5\.4 /);
});

test('REQUIRETLS: the whole way is encrypted and proven, or the sender gets it back without a word of its text (EXT-01)', async () => {
  assert.match(await handInSecured('strict@safe.test', 'REQUIRETLS'), /^250 /);
  await until(() => mailFor(full, 'safe.test').some(({ mailFrom }) => mailFrom.includes(' REQUIRETLS')), 'the message');
  assert.ok(mailFor(full, 'safe.test').find(({ mailFrom }) => mailFrom.includes(' REQUIRETLS'))?.isTls);
  assert.match(await handIn(server, 'strict@safe.test', { mail: ' REQUIRETLS' }), /^550 5\.7\.1 /, 'offered, but not in clear');
  assert.match(await handInSecured('strict@poor.test', 'REQUIRETLS', 'tls@sender.test'), /^250 /);
  const notice = (await arrivals(back, 'sender.test')).find(({ rcptTo }) => rcptTo[0]?.includes('tls@'));
  assert.match(notice?.data.toString() ?? '', /5\.7\.30 \[internal\] REQUIRETLS required but not advertised/);
  assert.doesNotMatch(notice?.data.toString() ?? '', /secret/);
  assert.equal(mailFor(poor, 'poor.test').length, 0);
});

test('DELIVERBY: the time that is left goes with the message; a hop that keeps no time gets none that must be kept; late is late (EXT-01)', async () => {
  assert.match(await handIn(server, 'by@safe.test', { mail: ' BY=600;R' }), /^250 /);
  await until(() => mailFor(full, 'safe.test').some(({ mailFrom }) => / BY=(?:600|59\d|5[0-8]\d);R$/.test(mailFrom)), 'the deadline');
  assert.match(await handIn(server, 'by@safe.test', { mail: ' BY=9;R' }), /^501 5\.5\.4 /);
  assert.match(await handIn(server, 'by@poor.test', { mail: ' BY=600;R' }), /^250 /);
  const [permanent] = await mainMatching(server, 'P', 1, ({ fields }) => fields.at(-1)?.includes('DELIVERBY') === true);
  assert.ok(permanent);
  assert.match(await handIn(server, 'by@dead.test', { from: 'late@sender.test', mail: ' BY=-1;N' }), /^250 /);
  await until(
    () => back.messages.some(({ rcptTo, data }) => rcptTo[0]?.includes('late@') && /Action: delayed/i.test(data.toString())),
    'a notice of delay',
  );
});

test('MT-PRIORITY goes with the message to whoever understands it (EXT-01)', async () => {
  assert.match(await handIn(server, 'urgent@safe.test', { mail: ' MT-PRIORITY=4' }), /^250 /);
  await until(() => mailFor(full, 'safe.test').some(({ mailFrom }) => mailFrom.endsWith(' MT-PRIORITY=4')), 'the priority');
});
