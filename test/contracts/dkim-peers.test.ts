/**
 * What other programs sign, we verify: a few hundred odd messages signed by mailauth and by Perl's Mail::DKIM, whole and then changed.
 *
 * Not here: what we sign under other verifiers (scenarios, dkim-verifiers).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dkimSign } from 'mailauth/lib/dkim/sign.js';
import { seededRandom } from '#base';
import { beginScan, lookupBy } from '#trust';
import { oddMessage } from '../kit/odd-messages.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const edwards = generateKeyPairSync('ed25519');
const folder = mkdtempSync(join(tmpdir(), 'impetus-dkim-peers-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const records: Readonly<Record<string, string>> = {
  'r._domainkey.a.test': `v=DKIM1; k=rsa; p=${rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`,
  'e._domainkey.a.test': `v=DKIM1; k=ed25519; p=${edwards.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`,
};
const lookup = lookupBy((name, type, done) => {
  const text = records[name];
  if (text === undefined) done({ kind: 'nxdomain', ttl: 1, isAuthenticated: false });
  else
    done({ kind: 'records', name, records: [{ name, type: 'TXT', ttl: 1, chunks: [Buffer.from(text)] }], ttl: 1, isAuthenticated: false });
});

async function verdict(message: Buffer, piece = 1000): Promise<string> {
  const scan = beginScan();
  for (let at = 0; at < message.length; at += piece) scan.append(message.subarray(at, at + piece));
  const [first] = await scan.verdicts({ lookup, now: Math.floor(Date.now() / 1000) });
  return first === undefined ? 'none' : `${first.result} ${first.reason}`;
}

/** One letter of the body becomes another. */
function changed(message: Buffer): Buffer | undefined {
  const copy = Buffer.from(message);
  const body = copy.indexOf('\r\n\r\n') + 4;
  const at = copy.subarray(body).findIndex((octet) => octet > 64 && octet < 90);
  if (at < 0) return undefined;
  copy[body + at] = (copy[body + at] as number) + 1;
  return copy;
}

test('DKIM: what mailauth signs holds here in every canonicalisation, by RSA and Ed25519, in pieces of every size, and not when a letter is changed', async () => {
  const random = seededRandom(7);
  const forms = ['relaxed/relaxed', 'simple/simple', 'relaxed/simple', 'simple/relaxed'];
  for (let i = 0; i < 200; i++) {
    const message = oddMessage(random);
    const isEdwards = i % 3 === 0;
    const privateKey = (isEdwards ? edwards : rsa).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { signatures } = await dkimSign(message, {
      canonicalization: forms[i % forms.length]!,
      algorithm: isEdwards ? 'ed25519-sha256' : 'rsa-sha256',
      signatureData: [{ signingDomain: 'a.test', selector: isEdwards ? 'e' : 'r', privateKey }],
    } as unknown as Parameters<typeof dkimSign>[1]);
    assert.notEqual(signatures, '', `message ${i} was not signed`);
    const whole = Buffer.concat([Buffer.from(signatures), message]);
    assert.equal(
      await verdict(whole, 1 + ((i * 13) % 400)),
      'pass ',
      `message ${i}: ${JSON.stringify(whole.toString('latin1').slice(0, 3000))}`,
    );
    const other = changed(whole);
    if (other !== undefined) assert.equal(await verdict(other), 'fail the body was changed', `message ${i}`);
  }
});

test(
  'DKIM: what Mail::DKIM signs holds here',
  { skip: spawnSync('perl', ['-MMail::DKIM::Signer', '-e', '1']).status !== 0 && process.env['CI'] !== 'true' ? 'no Mail::DKIM' : false },
  async () => {
    writeFileSync(join(folder, 'key.pem'), rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }));
    const program = `use Mail::DKIM::Signer; my ($form, $key) = @ARGV; my $s = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $form, Domain => 'a.test', Selector => 'r', KeyFile => $key);
    binmode STDIN; local $/; my $m = <STDIN>; $s->PRINT($m); $s->CLOSE; print $s->signature->as_string, "\\r\\n", $m;`;
    const random = seededRandom(8);
    for (let i = 0; i < 12; i++) {
      const form = i % 2 === 0 ? 'relaxed/relaxed' : 'simple/simple';
      const { stdout, stderr } = spawnSync('perl', ['-e', program, form, join(folder, 'key.pem')], {
        input: oddMessage(random),
        maxBuffer: 64 * 1_048_576,
      });
      assert.equal(
        await verdict(stdout),
        'pass ',
        `message ${i} ${form} ${stderr.toString()} ${JSON.stringify(stdout.toString('latin1').slice(0, 2000))}`,
      );
    }
  },
);
