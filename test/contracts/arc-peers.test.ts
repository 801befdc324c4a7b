/**
 * What another program seals, we verify: chains of mailauth of one, two and three hops, whole and then changed in every field.
 *
 * Not here: the structure in all its errors (trust), what comes of a verdict (modules openarc, dmarc).
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { sealMessage } from 'mailauth/lib/arc/index.js';
import { beginScan, lookupBy, type ArcVerdict } from '#trust';

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
  const octets = Buffer.from(text);
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
