/**
 * What we sign, others verify: a thousand odd messages under mailauth, Perl's Mail::DKIM and opendkim.
 *
 * The signer here is the room's own arithmetic without a server: the way of a message through one is in delivery-signatures.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { seededRandom } from '#base';
import { digestOf, MessageDigest, namedRules, SignatureDraft, signature, suffixedRules, type Algorithm, type SigningPlan } from '#dkim';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { oddMessage } from '../kit/odd-messages.ts';

const COUNT = 1000;
const now = 1_780_000_000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const edwards = generateKeyPairSync('ed25519');
const folder = mkdtempSync(join(tmpdir(), 'impetus-dkim-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const records: Readonly<Record<string, string>> = {
  'r1._domainkey.a.test': `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  'e1._domainkey.a.test': `v=DKIM1; k=ed25519; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`,
};

const lists = [
  suffixedRules('From:Subject:Date:To:MIME-Version?:Content-Type?')!,
  suffixedRules('Received+:X-Odd*:From:Subject?:Received:x-lower+')!,
  namedRules({ names: undefined, skipped: [], oversigned: ['From', 'Subject', 'Reply-To'] })!,
];

/** A plan of every kind in turn. */
function planOf(i: number, algorithm: Algorithm): SigningPlan {
  return {
    domain: 'a.test',
    selector: algorithm === 'ed25519-sha256' ? 'e1' : 'r1',
    algorithm,
    headerCanonicalization: i % 2 === 0 ? 'relaxed' : 'simple',
    bodyCanonicalization: i % 4 < 2 ? 'relaxed' : 'simple',
    headers: lists[i % lists.length]!,
    identity: i % 5 === 0 ? 'user+"odd"@a.test' : undefined,
    lifetimeSeconds: i % 7 === 0 ? 30 * 365 * 86_400 : 0,
    hasBodyLength: i % 11 === 0,
    copiesHeaders: i % 13 === 0,
  };
}

function sign(message: Buffer, plan: SigningPlan, key: KeyObject): Buffer {
  const kind = { digest: digestOf(plan.algorithm), canonicalization: plan.bodyCanonicalization };
  const digest = new MessageDigest(() => [kind]);
  // In pieces, as it would come from a socket.
  for (let at = 0; at < message.length; at += 97) digest.push(message.subarray(at, at + 97));
  const digested = digest.finish()!;
  const draft = new SignatureDraft(digested.header, plan, { body: digested.hash(kind), now });
  return Buffer.concat([Buffer.from(draft.header(signature(draft.input, plan.algorithm, key)), 'latin1'), message]);
}

const random = seededRandom(6376);
const messages = Array.from({ length: COUNT }, () => oddMessage(random));
const bySigner = (algorithm: Algorithm, key: KeyObject) => messages.map((message, i) => sign(message, planOf(i, algorithm), key));
const withRsa = bySigner('rsa-sha256', rsa.privateKey);
const withEdwards = bySigner('ed25519-sha256', edwards.privateKey);

async function judge(message: Buffer): Promise<string> {
  const resolver = (name: string): Promise<string[][]> =>
    name in records ? Promise.resolve([[records[name]!]]) : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
  const { results } = await dkimVerify(message, { resolver, curTime: new Date(now * 1000) });
  return results.map(({ status }) => status.result).join(' ');
}

test('1,000 messages of odd shapes, signed with RSA and with Ed25519, verify with mailauth; one octet changed and they do not', async () => {
  for (const [i, message] of [...withRsa, ...withEdwards].entries())
    assert.equal(await judge(message), 'pass', `message ${i}: ${JSON.stringify(message.toString('latin1'))}`);
  for (const message of withRsa.slice(0, 50)) {
    const broken = Buffer.from(message);
    broken[message.lastIndexOf('@a.test') + 1] = 0x62;
    assert.notEqual(await judge(broken), 'pass');
  }
});

const perl = `
use Mail::DKIM::Verifier; use Mail::DKIM::DNS;
my $records = shift; my %txt; open(my $r, '<', $records) or die; while (<$r>) { chomp; my ($n, $t) = split /\\t/, $_, 2; $txt{$n} = $t }
{ package Odd::RR; sub new { bless { t => $_[1] }, $_[0] } sub type { 'TXT' } sub txtdata { $_[0]{t} } sub char_str_list { ($_[0]{t}) } }
no warnings 'redefine';
*Mail::DKIM::DNS::query = sub { my ($n) = @_; exists $txt{$n} ? (Odd::RR->new($txt{$n})) : () };
*Mail::DKIM::DNS::query_async = sub { my ($n, $type, %p) = @_; my @a = exists $txt{$n} ? (Odd::RR->new($txt{$n})) : (); return sub { ($p{Callbacks}{Success} || sub { @_ })->(@a) } };
binmode STDIN; local $/;
my $all = <STDIN>; my $at = 0; my @results;
while ($at < length $all) { my $n = unpack('N', substr($all, $at, 4)); my $m = substr($all, $at + 4, $n); $at += 4 + $n;
  my $v = Mail::DKIM::Verifier->new(); $v->PRINT($m); $v->CLOSE(); push @results, $v->result }
print join(' ', @results);
`;

test('the same messages verify with Mail::DKIM of Perl', async () => {
  writeFileSync(join(folder, 'verify.pl'), perl);
  writeFileSync(
    join(folder, 'records'),
    Object.entries(records)
      .map(([name, txt]) => `${name}\t${txt}\n`)
      .join(''),
  );
  const child = spawn('perl', [join(folder, 'verify.pl'), join(folder, 'records')], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  for (const message of withRsa) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    child.stdin.write(length);
    child.stdin.write(message);
  }
  child.stdin.end();
  await new Promise((done) => child.once('close', done));
  const results = out.split(' ');
  assert.equal(results.length, COUNT);
  assert.deepEqual(
    results
      .flatMap((result, i) => (result === 'pass' ? [] : [`${i} ${result} ${JSON.stringify(withRsa[i]!.toString('latin1'))}`]))
      .slice(0, 3),
    [],
  );
});

test('a hundred of them, and plain ones, verify with opendkim -t', async () => {
  writeFileSync(
    join(folder, 'keys'),
    Object.entries(records)
      .map(([name, txt]) => `${name} ${txt}\n`)
      .join(''),
  );
  writeFileSync(join(folder, 'conf'), `TestPublicKeys ${join(folder, 'keys')}\nMode v\nOn-Default accept\nAuthservID x.test\n`);
  // Where it reads files opendkim takes one blank behind a colon away and puts one back, as for a milter: simple headers are of that form here.
  const plain = Array.from({ length: 20 }, (_none, i) =>
    sign(
      Buffer.from(`From: a@a.test\r\nSubject: ${i}\r\n\ttwice\r\n\r\nbody ${i} \r\n\r\n`),
      planOf(2 * i + 1, 'rsa-sha256'),
      rsa.privateKey,
    ),
  );
  const files = [...plain, ...withRsa.filter((_message, i) => i % 2 === 0).slice(0, 100)].map((message, i) => {
    const file = join(folder, `m${i}`);
    writeFileSync(file, message);
    return file;
  });
  const out = await new Promise<string>((done) =>
    execFile('/usr/sbin/opendkim', ['-x', join(folder, 'conf'), '-t', files.join(',')], { maxBuffer: 1e8 }, (_error, stdout, stderr) =>
      done(stdout + stderr),
    ),
  );
  const verified = out.split('\n').filter((line) => line.includes('verification'));
  assert.equal(verified.length, files.length, out.slice(0, 2000));
  assert.deepEqual(
    verified.filter((line) => !line.includes('succeeded')),
    [],
    out.slice(0, 2000),
  );
});
