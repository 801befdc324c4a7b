/**
 * What received mail is worth, on the real server with a name server of the test: SPF, DKIM, DMARC and ARC, and what is written about it.
 *
 * The one rule: clients differ by their loopback address and senders by their domain, so that one server serves all tests.
 * Not here: the judgements in all their cases (trust), modules in a session without a network (modules).
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { authenticate } from 'mailauth';
import { sealMessage } from 'mailauth/lib/arc/index.js';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { ConsoleUser } from '../kit/console.ts';
import { DnsServer } from '../kit/dns-server.ts';
import { handIn } from '../kit/outgoing.ts';
import { prepareServer, until, type Server } from '../kit/server.ts';
import { Sink } from '../kit/sink.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const key = `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
const dns = new DnsServer({
  zones: {
    'ours.test': { TXT: ['v=spf1 ip4:127.0.0.1 -all'] },
    'theirs.test': { TXT: ['v=spf1 exists:%{l}.users.test -all'] },
    'a+b=c.users.test': { A: ['127.0.0.2'] },
    's._domainkey.signed.test': { TXT: [key] },
    's._domainkey.lists.test': { TXT: [key] },
    's._domainkey.mx.impetus.test': { TXT: [key] },
    's._domainkey.ours.test': { TXT: [key] },
    '_dmarc.signed.test': { TXT: ['v=DMARC1; p=reject'] },
  },
});
const sink = new Sink({});
let server: Server;

const conf = `
Resolv_Conf = "{dir}/resolv.conf"
Relay_Domains = ( next.test )
Gateway = "127.0.0.1:{port:sink}"
ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }
spf_macros { }
spf_v1 "spf_v1" { default_rule = "?all" add_headers = true debug_level = INFO }
dkim_validate "one" { debug_level = INFO }
openarc { debug_level = INFO  signing_domain = "mx.impetus.test"  selector = "s"  keyfile = "{dir}/arc.key" }
opendkim { header_canon = relaxed  key = "{dir}/arc.key"  dkim_domain "ours.test" { selector = "s" } }
Large_Message_Threshold = 60000
dmarc { action = "reject"  trusted_sealers = ( "lists.test" )  debug_level = INFO }
`;

before(async () => {
  await dns.listen();
  await sink.listen();
  server = await prepareServer({
    conf,
    ports: { sink: sink.port },
    files: { 'arc.key': pem, 'resolv.conf': `${dns.line}\noptions timeout:1 attempts:1\n` },
  });
  await server.start();
});
after(async () => {
  await server.end();
  await sink.close();
  await dns.close();
});

let count = 0;

/** Signs a message of signed.test as another program does it. */
async function signed(mark: string): Promise<string> {
  const text = `From: a@signed.test\r\nSubject: ${mark}\r\n\r\nHello\r\n`;
  const { signatures } = await dkimSign(text, {
    canonicalization: 'relaxed/relaxed',
    algorithm: 'rsa-sha256',
    signatureData: [{ signingDomain: 'signed.test', selector: 's', privateKey: pem }],
  } as unknown as Parameters<typeof dkimSign>[1]);
  return signatures + text;
}

/** Seals a message as another program does it, `hops` times. */
async function sealed(mark: string, hops: number, author = 'a.test'): Promise<string> {
  let text = `From: a@${author}\r\nSubject: ${mark}\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nHello\r\n`;
  for (let hop = 1; hop <= hops; hop++) {
    const fields = await sealMessage(text, {
      signingDomain: 'lists.test',
      selector: 's',
      privateKey: pem,
      authResults: `lists.test; dmarc=pass header.from=${author}`,
      cv: hop === 1 ? 'none' : 'pass',
    } as unknown as Parameters<typeof sealMessage>[1]);
    text = `${fields.toString()}${text}`;
  }
  return text;
}

interface Letter {
  readonly fields?: string;
  readonly text?: string;
  /** The subject of the message. */
  readonly mark?: string;
  /** What tells it apart at the next hop otherwise. */
  readonly field?: string;
}

/** Sends one message and gives what the next hop got of it, unfolded. */
async function relayed(sender: string, o: Letter = {}): Promise<string> {
  return (await taken(sender, o)).replace(/\r\n(?=[ \t])/g, '');
}

/** The same as it came, in latin1. */
async function taken(sender: string, o: Letter): Promise<string> {
  const mark = o.mark ?? `mark-${++count}`;
  const text = o.text ?? `${o.fields ?? ''}From: a@a.test\r\nSubject: ${mark}\r\n\r\nHello`;
  assert.match(await handIn(server, 'x@next.test', { from: sender, text }), /^250 /);
  const find = () => sink.messages.find((message) => message.data.includes(`${o.field ?? `Subject: ${mark}`}\r\n`));
  await until(() => find() !== undefined, 'the message');
  return find()!.data.toString('latin1');
}

/** What another program says of a message: the chain, and each signature. */
async function judged(text: string): Promise<string> {
  const resolver = (name: string, type: string): Promise<string[][]> =>
    type === 'TXT' && name.startsWith('s._domainkey.')
      ? Promise.resolve([[key]])
      : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
  const { arc, dkim } = await authenticate(Buffer.from(text, 'latin1'), { ip: '127.0.0.1', helo: 'a.test', sender: 'a@a.test', resolver });
  const signatures = dkim.results.map(({ signingDomain, status }) => `${signingDomain} ${status.result}`);
  return [arc === false ? 'none' : `${arc.status.result} ${arc.i}`, ...signatures].join(', ');
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

test('MOD-03 dkim_validate: what another program signed holds, whatever was put on top, and what was changed is refused by dmarc', async () => {
  const text = await signed('whole');
  assert.match(
    await relayed('b@other.test', { text, mark: 'whole' }),
    /^Authentication-Results: mx\.impetus\.test; dkim=pass header\.d=signed\.test header\.i=@signed\.test header\.s=s header\.a=rsa-sha256 header\.b=[^ ]{8,10}\r\n/m,
  );
  await until(() => /dkim_validate.*s of signed\.test: pass/.test(server.read('paniclog.ec')), 'a line in the paniclog');
  const reply = await handIn(server, 'x@next.test', { from: 'b@other.test', text: text.replace('Hello', 'Hallo') });
  assert.match(reply, /^550 (?:5\.7\.1 )?rejected by DMARC policy of signed\.test: nobody of signed\.test stands behind it/);
  await until(() => server.read('rejectlog.ec').includes('DMARC policy of signed.test'), 'a line in the rejectlog');
});

test('A55 fields that claim our own judgement do not pass, and those of others do', async () => {
  const got = await relayed('a@ours.test', {
    fields: 'Authentication-Results: MX.impetus.test; dmarc=pass forged\r\nAuthentication-Results: other.test; dkim=pass\r\n',
  });
  assert.doesNotMatch(got, /forged/);
  assert.match(got, /^Authentication-Results: other\.test; dkim=pass\r\n/m);
});

test('A56 openarc: a chain of two hops holds, and a changed, gapped, doubled, huge or endless one is told to have failed and passes on', async () => {
  const arc = async (mark: string, text: string): Promise<string> => {
    const found = /^Authentication-Results: mx\.impetus\.test; arc=([^\r]*)\r\n/m.exec(await relayed('a@ours.test', { text, mark }));
    return found?.[1] ?? '';
  };
  assert.equal(await arc('chain', await sealed('chain', 2)), 'pass reason="sealed by lists.test, lists.test"');
  await until(() => /openarc.*: pass \(sealed by lists\.test, lists\.test\)/.test(server.read('paniclog.ec')), 'a line in the paniclog');
  assert.match(
    await arc('changed', (await sealed('changed', 2)).replace('Hello', 'Hallo')),
    /^fail reason="the signature of set 2: the body was changed"/,
  );
  const gapped = (await sealed('gapped', 3)).replace(/^ARC-[A-Za-z-]+: i=2;[^]*?\r\n(?![ \t])/gm, '');
  assert.match(await arc('gapped', gapped), /^fail reason="set 2 is missing"/);
  const doubled = (await sealed('doubled', 1)).replace(/^(ARC-Seal: [^]*?\r\n(?![ \t]))/m, '$1$1');
  assert.match(await arc('doubled', doubled), /^fail reason="set 1 has more than one arc-seal"/);
  const plain = (mark: string): string => `From: a@a.test\r\nSubject: ${mark}\r\n\r\nHello`;
  const sets = Array.from({ length: 51 }, (_none, i) =>
    ['Authentication-Results', 'Message-Signature', 'Seal'].map((kind) => `ARC-${kind}: i=${i + 1}; a=rsa-sha256; cv=pass\r\n`).join(''),
  );
  assert.match(await arc('endless', sets.join('') + plain('endless')), /^fail reason="there are more than 50 sets"/);
  const huge = `ARC-Authentication-Results: i=1; x\r\n${` ${'y'.repeat(900)}\r\n`.repeat(300)}`;
  assert.match(await arc('huge', huge + plain('huge')), /^fail reason="the sets are too large"/);
});

test('openarc with a key seals what leaves over our own signature, hop after hop, large mail too; and others verify it', async () => {
  const first = await taken('a@ours.test', { text: `From: a@ours.test\r\nSubject: sealed\r\n\r\nHello`, mark: 'sealed' });
  assert.match(first, /^ARC-Seal: i=1; a=rsa-sha256; t=\d+; cv=none;\r\n\td=mx\.impetus\.test; s=s;/);
  assert.match(first, /^ARC-Authentication-Results: i=1; mx\.impetus\.test;[^]*?spf=pass[^]*?arc=none\r\n/m);
  assert.match(first.replace(/\r\n\s+/g, ''), /ARC-Message-Signature: i=1;[^\r]*h=From:[A-Za-z:-]*DKIM-Signature;/);
  assert.equal(await judged(first), 'pass 1, ours.test pass');
  const second = await taken('b@ours.test', { text: `X-Hop: two\r\n${first.trimEnd()}`, field: 'X-Hop: two' });
  assert.match(
    second,
    /^ARC-Seal: i=2; a=rsa-sha256; t=\d+; cv=pass;[^]*\r\nARC-Authentication-Results: i=2; mx\.impetus\.test;[^]*?arc=pass/,
  );
  assert.match(await judged(second), /^pass 2, ours\.test pass/);
  const broken = await taken('b@ours.test', { text: `X-Hop: three\r\n${second.trimEnd()} changed`, field: 'X-Hop: three' });
  assert.match(broken, /^ARC-Seal: i=3; a=rsa-sha256; t=\d+; cv=fail;/);
  const after = await taken('b@ours.test', { text: `X-Hop: four\r\n${broken.trimEnd()}`, field: 'X-Hop: four' });
  assert.doesNotMatch(after, /^ARC-Seal: i=4/m);
  const large = `From: a@ours.test\r\nSubject: large\r\n\r\n${'A line of some length.  \r\n'.repeat(60_000)}`;
  const held = await taken('a@ours.test', { text: large, mark: 'large' });
  assert.match(held, /^ARC-Authentication-Results: i=1; mx\.impetus\.test;[^]*?spf=pass/m);
  assert.equal(await judged(held), 'pass 1, ours.test pass');
});

test('a reload is refused when the key that seals is not there, with the file and the line', async () => {
  rmSync(join(server.dir, 'arc.key'));
  const console = await ConsoleUser.open(server);
  assert.match(await console.refused('config reload'), /:\d+: openarc is refused: Keyfile "[^"]*arc\.key": there is no such file/);
  writeFileSync(join(server.dir, 'arc.key'), pem);
  console.close();
});

test('RFC 8617 7.2 mail of a strict domain that came through sealers who are trusted is taken, and who they are is said; changed, it is refused', async () => {
  const text = await sealed('vouched', 2, 'signed.test');
  assert.match(
    await relayed('list@other.test', { text, mark: 'vouched' }),
    /^Authentication-Results: mx\.impetus\.test; dmarc=fail reason="[^"]*; reject is set aside: sealed by lists\.test, lists\.test" header\.from=signed\.test/m,
  );
  await until(
    () => /dmarc.*fail \([^)]*reject is set aside: sealed by lists\.test/.test(server.read('paniclog.ec')),
    'a line in the paniclog',
  );
  const reply = await handIn(server, 'x@next.test', { from: 'list@other.test', text: text.replace('Hello', 'Hallo') });
  assert.match(reply, /^550 .*nobody of signed\.test stands behind it, and its chain fails/);
});
