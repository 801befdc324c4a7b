/**
 * The way of a signature: keys in files, who signs for whom, and what the next hop gets.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { ConsoleUser } from '../kit/console.ts';
import { handIn } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink, type Taken } from '../kit/sink.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const edwards = generateKeyPairSync('ed25519');
const records: Readonly<Record<string, string>> = {
  'r._domainkey.a.test': `v=DKIM1; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  'e._domainkey.a.test': `v=DKIM1; k=ed25519; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`,
};
const sink = new Sink({});
let server: Server;

const common = `
Relay_Hosts = ( 127.0.0.1 )
Retry_Interval = 1
Large_Message_Threshold = 60000
Gateway = "127.0.0.1:{port:sink}"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
Binding "silent" { OpenDKIM_Sign = false  Domain "loud.test" { OpenDKIM_Sign = true } }
Binding_Context = "binding"
RFC2822_Lone_LF_In_Body = ignore
Domain "unsigned.test" { OpenDKIM_Sign = false }
`;
const two = `
opendkim "one" {
  header_canon = "relaxed"
  body_canon = "relaxed"
  headerlist = ( "From", "Subject", "To" )
  oversign_headerlist = ( "From" )
  skip_headerlist = ( "To" )
  key = "{dir}/keys/%{d}/%{s}.key"
  lifetime = 24
  dkim_domain "a.test" { selector = "r" }
  dkim_domain "sub.a.test" { selector = "r"  base_domain = "a.test" }
  dkim_domain "broken.test" { selector = "r" }
  dkim_domain "careful.a.test" { selector = "r"  base_domain = "a.test"  sign_condition = "auth_user" }
}
opendkim "two" {
  headerlist = ( "From" )
  key = "{dir}/keys/%{d}/%{s}.key"
  dkim_domain "a.test" { selector = "e" }
}
`;

before(async () => {
  await sink.listen();
  server = await prepareServer({ conf: common + two, ports: { sink: sink.port } });
  mkdirSync(join(server.dir, 'keys/a.test'), { recursive: true });
  writeFileSync(join(server.dir, 'keys/a.test/r.key'), rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(server.dir, 'keys/a.test/e.key'), edwards.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await server.start();
});
after(async () => {
  await server.end();
  await sink.close();
});

let count = 0;

/** Sends one message and gives what the next hop got. */
async function relayed(o: { from: string; to?: string; body?: string }): Promise<Taken> {
  const mark = `mark-${++count}`;
  const data = `From: ${o.from}\r\nTo: x@y.test\r\nSubject: ${mark}\r\n\r\n${o.body ?? 'Hello  there \r\n\r\n'}`;
  assert.match(await handIn(server, o.to ?? 'x@signed.test', { text: data }), /^250 /);
  const find = () => sink.messages.find((message) => message.data.includes(`Subject: ${mark}\r\n`));
  await until(() => find() !== undefined, 'the message');
  return find()!;
}

async function verdicts(message: Taken): Promise<string[]> {
  const resolver = (name: string): Promise<string[][]> =>
    name in records ? Promise.resolve([[records[name]!]]) : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
  const { results } = await dkimVerify(message.data, { resolver });
  return results
    .filter(({ status }) => status.result !== 'none')
    .map(({ selector, signingDomain, status }) => `${selector} ${signingDomain} ${status.result}`);
}

test('MOD-03 each instance of opendkim signs for the domain of From, RSA and Ed25519, and both verify at the next hop', async () => {
  const message = await relayed({ from: 'A <a@a.test>' });
  assert.deepEqual((await verdicts(message)).sort(), ['e a.test pass', 'r a.test pass']);
  assert.match(
    message.data.toString(),
    /\th=From:From:Subject;\r\n/,
    'skip_headerlist takes To out, oversign_headerlist names From once more',
  );
});

test('MOD-03 base_domain signs for the parent; a domain without scope, and one without a key, go unsigned and only the latter is said', async () => {
  assert.deepEqual(await verdicts(await relayed({ from: 'a@sub.a.test' })), ['r a.test pass']);
  assert.deepEqual(await verdicts(await relayed({ from: 'a@other.test' })), []);
  assert.deepEqual(await verdicts(await relayed({ from: 'a@broken.test' })), []);
  await until(
    () => server.read('paniclog.ec').includes('opendkim:one: mail from broken.test is not signed for broken.test'),
    'a line in the paniclog',
  );
  assert.doesNotMatch(server.read('paniclog.ec'), /other\.test/);
});

test('MOD-03 opendkim_sign = false in the scope of the recipient, and a sign_condition that is not met, leave mail unsigned', async () => {
  assert.deepEqual(await verdicts(await relayed({ from: 'a@a.test', to: 'x@unsigned.test' })), []);
  assert.deepEqual(await verdicts(await relayed({ from: 'a@careful.a.test' })), []);
});

test('MOD-03 a message that is streamed to a file of its own is signed like any other, and a body with lone line ends as it is mended', async () => {
  const large = `${'A line of some length.  \r\n'.repeat(8000)}\r\n`;
  assert.deepEqual((await verdicts(await relayed({ from: 'a@a.test', body: large }))).sort(), ['e a.test pass', 'r a.test pass']);
  const lone = await relayed({ from: 'a@a.test', body: 'one\ntwo\rthree \n\r\n.\nfour' });
  assert.ok(lone.data.includes('one\r\ntwo\r\nthree \r\n'), lone.data.toString());
  assert.deepEqual((await verdicts(lone)).sort(), ['e a.test pass', 'r a.test pass']);
});

test('A56 a signature with an oversigned From does not survive a second From', async () => {
  const message = await relayed({ from: 'a@a.test' });
  const forged = { ...message, data: Buffer.concat([Buffer.from('From: evil@evil.test\r\n'), message.data]) };
  assert.ok(!(await verdicts(forged)).includes('r a.test pass'));
});

test('signed mail waits in the spool over a restart and still verifies', async () => {
  await sink.close();
  const data = 'From: a@a.test\r\nSubject: waits\r\n\r\nx';
  assert.match(await handIn(server, 'x@signed.test', { text: data }), /^250 /);
  await server.kill();
  await sink.listen();
  server.ports['sink'] = sink.port;
  server.configure(common + two);
  await server.start();
  await until(() => sink.messages.some((message) => message.data.includes('Subject: waits')), 'the message');
  const message = sink.messages.find(({ data: octets }) => octets.includes('Subject: waits'))!;
  assert.deepEqual((await verdicts(message)).sort(), ['e a.test pass', 'r a.test pass']);
});

test('signing_stats counts by domain and binding, and its reset begins anew; opendkim flush keycache takes a new key at once', async () => {
  const console = await ConsoleUser.open(server);
  assert.equal(await console.run('signing_stats reset'), 'Signing Statistics are reset');
  await relayed({ from: 'a@a.test' });
  const stats = await console.run('signing_stats');
  assert.match(stats, /^Signing Statistics\n\nGlobal\n\tDKIM\n\t\tAccumulatedSigningTime +\d+\.\d{4}\n\t\tTotalMessagesSigned +2\n/);
  assert.match(stats, /Per Domain\n\tDomainName {2}a\.test\n/);
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(join(server.dir, 'keys/a.test/r.key'), other.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  assert.match(await console.run('opendkim:one flush keycache'), /^2 keys flushed\./);
  assert.ok(!(await verdicts(await relayed({ from: 'a@a.test' }))).includes('r a.test pass'), 'the new key is not the one in DNS');
  console.close();
});

test('a module that could not sign as written is refused by a reload, with the option to correct', async () => {
  server.configure(`${common}${two}dkim_sign { key = "/k" selector = "s" headerlist = "From" }\n`);
  const console = await ConsoleUser.open(server);
  assert.match(await console.refused('config reload'), /opendkim and dkim_sign cannot both sign/);
  server.configure(`${common}dkim_sign { key = "{dir}/keys/%{d}/%{s}.key" dk_domain "a.test" { selector = "r" } }\n`);
  assert.match(await console.refused('config reload'), /Headerlist is required/);
  server.configure(
    `${common}DKIM = true\nDomain "plain.test" { DKIM = false }\ndkim_sign { headerlist = "From:Subject:List-Id" body_canon = relaxed header_canon = relaxed key = "{dir}/keys/%{d}/%{s}.key" dk_domain "a.test" { selector = "e" } }\n`,
  );
  await console.run('config reload');
  console.close();
  assert.deepEqual(await verdicts(await relayed({ from: 'a@a.test' })), ['e a.test pass']);
  assert.deepEqual(await verdicts(await relayed({ from: 'a@a.test', to: 'x@plain.test' })), []);
});
