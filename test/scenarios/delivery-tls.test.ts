/**
 * STARTTLS towards next hops, with certificates that openssl makes for the run: wanted, required, verified, broken.
 *
 * The one rule: a message of a domain that requires TLS never crosses a connection in clear text, whatever the hop does.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConsoleUser } from '../kit/console.ts';
import { mainMatching } from '../kit/log-lines.ts';
import { arrivals, handIn, mailFor } from '../kit/outgoing.ts';
import { prepareServer, run, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const folder = mkdtempSync(join(tmpdir(), 'impetus-tls-'));
const hops = new Map<string, Sink>();
let server: Server;

async function certificate(name: string): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const made = await run('openssl', ['req', ...kind, '-keyout', key, '-out', cert, ...subject]);
  assert.equal(made.code, 0, made.err);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

before(async () => {
  const tls = await certificate('host.test');
  hops.set('good', new Sink({ tls }));
  hops.set('plain', new Sink({}));
  // Go-ahead, then no handshake: the peer closes, or speaks on in clear text.
  hops.set('broken', new Sink({ extensions: ['PIPELINING', 'STARTTLS'], replies: { STAR: { raw: '220 go on\r\n', ends: true } } }));
  hops.set('refusing', new Sink({ extensions: ['STARTTLS'], replies: { STAR: '454 4.7.0 not now' } }));
  hops.set(
    'injecting',
    new Sink({ extensions: ['STARTTLS'], replies: { STAR: { raw: '220 go on\r\n250-sink.test\r\n250 AUTH PLAIN\r\n235 ok\r\n' } } }),
  );
  await Promise.all([...hops.values()].map((hop) => hop.listen()));
  const to = (name: string, more: string) => `Routes = ( "127.0.0.1:{port:${name}}" ) ${more}`;
  server = await prepareServer({
    conf: `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 3600
Host_Failure_Retry = 1
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" { } }
Domain "no.test" { ${to('good', '')} }
Domain "wish.test" { ${to('good', 'TLS = ifavailable')} }
Domain "must.test" { ${to('good', 'TLS = required')} }
Domain "wishplain.test" { ${to('plain', 'TLS = ifavailable')} }
Domain "mustplain.test" { ${to('plain', 'TLS = required')} }
Domain "fallback.test" { ${to('broken', 'TLS = ifavailable')} }
Domain "nofallback.test" { ${to('broken', 'TLS = ifavailable TLS_IfAvailable_Fallback = false')} }
Domain "mustbroken.test" { ${to('broken', 'TLS = required')} }
Domain "refused.test" { ${to('refusing', 'TLS = ifavailable')} }
Domain "mustrefused.test" { ${to('refusing', 'TLS = required')} }
Domain "injected.test" { ${to('injecting', 'TLS = required')} }
Domain "unknown.test" { ${to('good', `TLS = required TLS_Verify = ca`)} }
Domain "known.test" { ${to('good', `TLS = required TLS_Verify = ca TLS_CA = "${folder}/host.test.pem"`)} }
Domain "wrongname.test" { ${to('good', `TLS = required TLS_Verify = host TLS_CA = "${folder}/host.test.pem"`)} }
Domain "host.test" { ${to('good', `TLS = required TLS_Verify = host TLS_CA = "${folder}/host.test.pem"`)} }
Domain "again.test" { ${to('good', 'TLS = required Max_Deliveries_Per_Connection = 1')} }
Domain "noca.test" { ${to('good', `TLS = required TLS_Verify = ca TLS_CA = "${folder}/missing.pem"`)} }
`,
    ports: Object.fromEntries([...hops].map(([name, hop]) => [name, hop.port])),
  });
  await server.start();
});
after(async () => {
  await server.end();
  await Promise.all([...hops.values()].map((hop) => hop.close()));
  rmSync(folder, { recursive: true, force: true });
});

/** The reply with which mail for a domain was deferred. */
async function deferral(domain: string): Promise<string> {
  assert.match(await handIn(server, `u@${domain}`), /^250 /);
  const [record] = await mainMatching(server, 'T', 1, ({ fields }) => fields[0] === domain);
  return record?.fields.at(-1) ?? '';
}

async function isSecret(hop: string, domain: string): Promise<boolean | undefined> {
  assert.match(await handIn(server, `u@${domain}`), /^250 /);
  return (await arrivals(hops.get(hop)!, domain))[0]?.isTls;
}

test('OUT-60 TLS = no never asks for it; ifavailable and required use it where it is offered', async () => {
  assert.equal(await isSecret('good', 'no.test'), false);
  assert.equal(await isSecret('good', 'wish.test'), true);
  assert.equal(await isSecret('good', 'must.test'), true);
});

test('OUT-60 after the handshake EHLO is said again', async () => {
  await isSecret('good', 'must.test');
  const said = hops.get('good')!.commands.map((line) => line.slice(0, 4));
  const at = said.indexOf('STAR');
  assert.deepEqual(said.slice(at - 1, at + 2), ['EHLO', 'STAR', 'EHLO']);
});

test('OUT-60 a hop without STARTTLS gets the mail in clear text with ifavailable, and none with required', async () => {
  assert.equal(await isSecret('plain', 'wishplain.test'), false);
  assert.equal(await deferral('mustplain.test'), '451 4.7.6 [internal] STARTTLS required but not advertised');
  assert.equal(mailFor(hops.get('plain')!, 'mustplain.test').length, 0);
});

test('OUT-60 a handshake that fails: fallback in clear text at once, or delayed as TLS_IfAvailable_Fallback and required say', async () => {
  assert.equal(await isSecret('broken', 'fallback.test'), false);
  assert.match(await deferral('nofallback.test'), /^451 4\.7\.5 \[internal\]/);
  assert.match(await deferral('mustbroken.test'), /^451 4\.7\.5 \[internal\]/);
  const hop = hops.get('broken')!;
  assert.deepEqual([mailFor(hop, 'nofallback.test').length, mailFor(hop, 'mustbroken.test').length], [0, 0]);
});

test('OUT-60 a refused STARTTLS is no reason to wait for ifavailable, and one for required', async () => {
  assert.equal(await isSecret('refusing', 'refused.test'), false);
  assert.equal(await deferral('mustrefused.test'), '451 4.7.5 [internal] no tls go-ahead');
});

test('A36 replies that come in clear text behind the go-ahead are never read as if TLS had brought them', async () => {
  assert.match(await deferral('injected.test'), /^451 4\.7\.5 \[internal\]/);
  const said = hops.get('injecting')!.commands;
  assert.ok(!said.some((line) => /^(?:AUTH|MAIL|RCPT|DATA)/.test(line)), said.join('|'));
});

test('OUT-61 TLS_Verify: an unknown authority and a wrong name are refused, a known one with the right name is taken', async () => {
  assert.equal(await deferral('unknown.test'), '451 4.7.5 [internal] SSL cert must be signed by a valid CA');
  assert.equal(await isSecret('good', 'known.test'), true);
  assert.equal(await deferral('wrongname.test'), '451 4.7.5 [internal] SSL cert common name does not match host');
  assert.equal(await isSecret('good', 'host.test'), true);
});

test('OUT-63 the next connection takes the TLS session of the one before up again, and not any more after tls flush cache', async () => {
  const hop = hops.get('good')!;
  const sent = async (count: number): Promise<boolean[]> => {
    assert.match(await handIn(server, 'u@again.test'), /^250 /);
    await until(() => mailFor(hop, 'again.test').length === count, `message ${count}`);
    return mailFor(hop, 'again.test').map(({ isResumed }) => isResumed);
  };
  assert.deepEqual(await sent(1), [false]);
  assert.deepEqual(await sent(2), [false, true]);
  const user = await ConsoleUser.open(server);
  assert.match(await user.run('tls show cache'), /sessions/);
  await user.run('tls flush cache');
  user.close();
  assert.deepEqual(await sent(3), [false, true, false]);
});

test('OUT-61 a TLS_CA that cannot be read delays the mail and never means "without"', async () => {
  assert.match(await deferral('noca.test'), /^451 4\.7\.5 \[internal\]/);
  assert.match(server.read('paniclog.ec'), /missing\.pem/);
});
