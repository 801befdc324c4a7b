/**
 * What another program seals, we verify: chains of mailauth of one, two and three hops, whole and then changed in every field. What we seal, mailauth and
 * Perl's Mail::DKIM verify, and chains that all three have made hold with all three.
 *
 * Not here: the structure in all its errors (trust), what comes of a verdict (modules openarc, dmarc).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sealMessage } from 'mailauth/lib/arc/index.js';
import { authenticate } from 'mailauth';
import { seededRandom } from '#base';
import { beginScan, lookupBy, type ArcVerdict } from '#trust';
import { testSealer, type SealedMessage } from '../kit/arc.ts';
import { oddMessage } from '../kit/odd-messages.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const edwards = generateKeyPairSync('ed25519');
const rsaKey = `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
const edwardsKey = `v=DKIM1; k=ed25519; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`;
const asked: string[] = [];
const lookup = lookupBy((name, type, done) => {
  asked.push(name);
  const text = name.startsWith('r.') ? rsaKey : edwardsKey;
  done({ kind: 'records', name, records: [{ name, type: 'TXT', ttl: 1, chunks: [Buffer.from(text)] }], ttl: 1, isAuthenticated: false });
});

/** Seals for hop1.test, hop2.test, ... one after the other. */
async function sealed(hops: number): Promise<string> {
  let text = 'From: a@a.test\r\nSubject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nHello  \r\n\r\n';
  for (let hop = 1; hop <= hops; hop++) {
    const isEdwards = hop % 2 === 0;
    const fields = await sealMessage(text, {
      signingDomain: `hop${hop}.test`,
      selector: isEdwards ? 'e' : 'r',
      algorithm: isEdwards ? 'ed25519-sha256' : 'rsa-sha256',
      privateKey: (isEdwards ? edwards : rsa).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      authResults: `hop${hop}.test; dmarc=pass header.from=a.test`,
      cv: hop === 1 ? 'none' : 'pass',
    } as unknown as Parameters<typeof sealMessage>[1]);
    text = `${fields.toString()}${text}`;
  }
  return text;
}

function verdict(text: string): Promise<ArcVerdict> {
  const scan = beginScan();
  const octets = Buffer.from(text, 'latin1');
  for (let at = 0; at < octets.length; at += 100) scan.append(octets.subarray(at, at + 100));
  return scan.arc({ lookup, now: Math.floor(Date.now() / 1000) });
}

test('ARC: chains of one, two and three hops that mailauth sealed hold here, each key asked for once', async () => {
  for (const hops of [1, 2, 3]) {
    asked.length = 0;
    const { result, reason, sealers } = await verdict(await sealed(hops));
    assert.deepEqual([result, reason], ['pass', '']);
    assert.deepEqual(sealers, ['hop1.test', 'hop2.test', 'hop3.test'].slice(0, hops));
    assert.equal(asked.length, hops);
  }
});

test('ARC: one letter of the body, of a signed field, or of any field of any set is changed, and the chain fails', async () => {
  const text = await sealed(3);
  const swaps: [RegExp, string][] = [
    [/Hello/, 'Hallo'],
    [/Subject: x/, 'Subject: y'],
  ];
  for (const hop of [1, 2, 3]) {
    swaps.push([new RegExp(`(ARC-Authentication-Results: i=${hop};[^=]*dmarc=)pass`), '$1fail']);
    swaps.push([new RegExp(`(ARC-Message-Signature: i=${hop};[^]*?d=hop)${hop}`), '$19']);
    swaps.push([new RegExp(`(ARC-Seal: i=${hop};[^]*?d=hop)${hop}`), '$19']);
  }
  for (const [from, to] of swaps) {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, String(from));
    const { result, reason, sealers } = await verdict(changed);
    assert.deepEqual([result, sealers], ['fail', []], String(from));
    assert.notEqual(reason, '');
  }
});

const folder = mkdtempSync(join(tmpdir(), 'impetus-arc-peers-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const noPerl =
  spawnSync('perl', ['-MMail::DKIM::ARC::Signer', '-e', '1']).status !== 0 && process.env['CI'] !== 'true' ? 'no Mail::DKIM' : false;

/** Our seal for ours<hop>.test: the chain is checked as it comes, then continued. */
async function ours(text: string, hop: number, kind: 'rsa' | 'ed25519' = 'rsa'): Promise<SealedMessage> {
  const { result } = await verdict(text);
  const key = (kind === 'rsa' ? rsa : edwards).privateKey;
  const seal = testSealer(
    { signingDomain: `ours${hop}.test`, selector: kind === 'rsa' ? 'r' : 'e', bodyCanon: hop % 2 === 0 ? 'simple' : 'relaxed' },
    key,
  );
  return seal(text, { arc_cv: result });
}

async function byMailauth(text: string): Promise<string> {
  const resolver = (name: string, type: string): Promise<string[][]> =>
    type === 'TXT' && name.includes('._domainkey.')
      ? Promise.resolve([[name.startsWith('r.') ? rsaKey : edwardsKey]])
      : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
  const { arc } = await authenticate(Buffer.from(text, 'latin1'), {
    ip: '127.0.0.1',
    helo: 'a.test',
    sender: 'a@a.test',
    trustReceived: false,
    resolver,
  } as unknown as Parameters<typeof authenticate>[1]);
  return arc === false || arc === undefined ? 'none' : `${arc.status.result} ${arc.status.comment ?? ''}`;
}

const perl = `
use Mail::DKIM::ARC::Verifier; use Mail::DKIM::DNS;
my $key = shift;
{ package Odd::RR; sub new { bless { t => $_[1] }, $_[0] } sub type { 'TXT' } sub txtdata { $_[0]{t} } sub char_str_list { ($_[0]{t}) } }
no warnings 'redefine';
*Mail::DKIM::DNS::query = sub { Odd::RR->new($key) };
*Mail::DKIM::DNS::query_async = sub { my ($n, $type, %p) = @_; return sub { ($p{Callbacks}{Success} || sub { @_ })->(Odd::RR->new($key)) } };
binmode STDIN; local $/;
my $all = <STDIN>; my $at = 0;
while ($at < length $all) { my $n = unpack('N', substr($all, $at, 4)); my $m = substr($all, $at + 4, $n); $at += 4 + $n;
  my $v = Mail::DKIM::ARC::Verifier->new(); $v->PRINT($m); $v->CLOSE(); print $v->result, ' ', $v->result_detail, "\\n" }
`;

function byPerl(texts: readonly string[]): string[] {
  const input = texts.map((text) => {
    const octets = Buffer.from(text, 'latin1');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(octets.length);
    return Buffer.concat([length, octets]);
  });
  const { stdout, stderr } = spawnSync('perl', ['-e', perl, rsaKey], { input: Buffer.concat(input), maxBuffer: 64 * 1_048_576 });
  assert.equal(stderr.toString(), '');
  return stdout.toString().trimEnd().split('\n');
}

test('ARC: what we seal over odd messages holds with mailauth, by RSA and Ed25519, for one hop and for two, and here too', async () => {
  const random = seededRandom(8617);
  for (let i = 0; i < 60; i++) {
    const kind = i % 3 === 0 ? 'ed25519' : 'rsa';
    const one = await ours(oddMessage(random).toString('latin1'), 1 + (i % 2), kind);
    const two = await ours(one.text, 2, 'rsa');
    for (const [text, hops] of [
      [one.text, 1],
      [two.text, 2],
    ] as const) {
      assert.match(await byMailauth(text), new RegExp(`^pass i=${hops}\\b`), `message ${i}: ${JSON.stringify(text.slice(0, 3000))}`);
      assert.deepEqual((await verdict(text)).result, 'pass');
    }
  }
});

test(
  'ARC: what we seal holds with Mail::DKIM, for one hop and for two, odd messages among them; a letter more and it does not',
  { skip: noPerl },
  async () => {
    const random = seededRandom(8618);
    const texts: string[] = [];
    for (let i = 0; i < 20; i++) {
      const one = await ours(oddMessage(random).toString('latin1'), 1);
      texts.push(one.text, (await ours(one.text, 2)).text);
    }
    const results = byPerl(texts);
    assert.deepEqual(
      results
        .flatMap((result, i) => (result.startsWith('pass') ? [] : [`${i} ${result} ${JSON.stringify(texts[i]!.slice(0, 3000))}`]))
        .slice(0, 3),
      [],
    );
    assert.equal(results.length, texts.length);
    const [changed = ''] = byPerl([texts[1]!.replace(/\r\nSubject:/i, '\r\nSubject:x')]);
    assert.match(changed, /^fail/);
  },
);

test('ARC: chains to which mailauth, Mail::DKIM and we added in turn hold with all three', { skip: noPerl }, async () => {
  writeFileSync(join(folder, 'key.pem'), rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }));
  const program = `use Mail::DKIM::ARC::Signer; my ($chain, $key) = @ARGV;
    my $s = Mail::DKIM::ARC::Signer->new(Algorithm => 'rsa-sha256', Chain => $chain, Domain => 'perl.test', SrvId => 'perl.test', Selector => 'r', KeyFile => $key);
    binmode STDIN; local $/; my $m = <STDIN>; $s->PRINT($m); $s->CLOSE; die $s->result_details if $s->result ne 'sealed'; print $s->as_string, $m;`;
  const seal = (text: string, chain: string): string => {
    const withResults = `Authentication-Results: perl.test; dmarc=pass header.from=a.test; arc=${chain}\r\n${text}`;
    const { stdout, stderr } = spawnSync('perl', ['-e', program, chain, join(folder, 'key.pem')], { input: withResults });
    assert.equal(stderr.toString(), '');
    return stdout.toString('latin1');
  };
  const plain = 'From: a@a.test\r\nSubject: x\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nHello  \r\n\r\n';
  const viaMailauth = (await ours(await sealed(1), 1)).text;
  const viaPerl = (await ours(seal(plain, 'none'), 1)).text;
  const chains = [viaMailauth, viaPerl, seal(viaMailauth, 'pass'), (await ours(seal(viaMailauth, 'pass'), 2)).text];
  for (const text of chains) {
    assert.match(await byMailauth(text), /^pass /);
    const { result, reason } = await verdict(text);
    assert.deepEqual([result, reason], ['pass', '']);
  }
  assert.deepEqual(
    byPerl(chains).filter((result) => !result.startsWith('pass')),
    [],
  );
});

test(
  'ARC: a chain that failed is sealed once more, alone and with cv=fail, which mailauth and Mail::DKIM call a failure; then nobody seals',
  { skip: noPerl },
  async () => {
    const broken = (await ours((await ours(await sealed(1), 1)).text, 2)).text.replace('Hello', 'Hallo');
    const failed = await ours(broken, 3);
    assert.match(failed.fields, /^ARC-Seal: i=4; .* cv=fail;/);
    assert.match(await byMailauth(failed.text), /^fail/);
    assert.match(byPerl([failed.text])[0]!, /^fail/);
    assert.equal((await verdict(failed.text)).reason, 'set 4 says that the chain had failed before');
    const [seal = '', message = '', results = ''] = failed.fields.split(/\r\n(?![ \t])/).map((field) => field.replace(/\r\n[ \t]+/g, ' '));
    const alone = [results, message, seal.replace(/ b=.*$/, ' b=')].map((field) =>
      field.replace(/^([^:]+): */, (_, name: string) => `${name.toLowerCase()}:`),
    );
    const octets = Buffer.from(/ b=(.*)$/.exec(seal)![1]!, 'base64');
    assert.ok(verify('sha256', Buffer.from(alone.join('\r\n')), rsa.publicKey, octets), 'the seal holds the set, and nothing else');
    const again = await ours(failed.text, 4);
    assert.deepEqual([again.fields, again.context.get('arc_seal')], ['', 'skip']);
  },
);
