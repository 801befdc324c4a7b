/** Keys are read when they are needed, once for all who wait, and again when they are old. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { ManualClock } from '#base';
import { KeyCache, type KeyAnswer } from './key-cache.ts';

const pem = (bits: number) =>
  generateKeyPairSync('rsa', { modulusLength: bits }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const good = pem(1024);

function cacheOn(files: Record<string, string>) {
  const clock = new ManualClock();
  const reads: string[] = [];
  const open: (() => void)[] = [];
  const keys = new KeyCache({
    size: 2,
    foundSeconds: 300,
    missingSeconds: 3600,
    clock,
    readFile: (path, done) => {
      reads.push(path);
      open.push(() => (path in files ? done(undefined, files[path]) : done(new Error('there is no such file'))));
    },
  });
  const get = (path: string): string[] => {
    const said: string[] = [];
    keys.get(path, (answer: KeyAnswer) => said.push('problem' in answer ? answer.problem : answer.kind));
    return said;
  };
  return { clock, reads, keys, get, answer: () => open.splice(0).forEach((tell) => tell()) };
}

test('MOD-03 a key is read once for all who wait for it, again after pos_keycache_ttl, and a missing one after neg_keycache_ttl', () => {
  const { clock, reads, get, answer } = cacheOn({ '/k': good });
  const first = get('/k');
  const second = get('/k');
  answer();
  assert.deepEqual([first, second, get('/k'), reads], [['rsa'], ['rsa'], ['rsa'], ['/k']]);
  clock.advance(300_001);
  get('/k');
  answer();
  assert.equal(reads.length, 2);
  get('/none');
  answer();
  clock.advance(3_599_000);
  assert.deepEqual(get('/none'), ['there is no such file']);
  clock.advance(2_000);
  get('/none');
  assert.equal(reads.length, 4);
});

test('MOD-03 flush keycache and keycache_size: what was dropped is read again', () => {
  const { reads, keys, get, answer } = cacheOn({ '/1': good, '/2': good, '/3': good });
  for (const path of ['/1', '/2', '/3']) {
    get(path);
    answer();
  }
  get('/1');
  answer();
  assert.equal(reads.length, 4);
  assert.equal(keys.flush(), 2);
  get('/1');
  answer();
  assert.equal(reads.length, 5);
});

test('A56 a key of 512 bits, another kind of key, and no key at all do not sign, each with its reason', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { get, answer } = cacheOn({ '/short': pem(512), '/ec': ec, '/text': 'hello' });
  const said = ['/short', '/ec', '/text'].map((path) => get(path));
  answer();
  assert.match(said[0]![0]!, /512 bits; 1024 is the least/);
  assert.match(said[1]![0]!, /expected an RSA or Ed25519 key/);
  assert.match(said[2]![0]!, /PEM form/);
});
