/**
 * Signatures, marks and a set of ARC on one message: each holds over what stands below it, and each is counted.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '#base';
import type { Resolver } from '#config';
import { keyCacheSettings, type SigningFigures } from '#dkim';
import { ValidationContext } from '#hooks';
import { openarcSettings } from '#modules/openarc';
import { opendkimSettings } from '#modules/opendkim';
import { PanicLog } from '#observe';
import { beginScan, lookupBy } from '#trust';
import { LoopQuestions } from './loop-questions.ts';
import { Signing } from './signing.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const folder = mkdtempSync(join(tmpdir(), 'impetus-signing-'));
const keyfile = join(folder, 'a.test.key');
writeFileSync(keyfile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
const lines: string[] = [];
const panic = new PanicLog({ clock: systemClock, write: ({ text }) => lines.push(text) });
const resolver = { sending: () => ({}) } as unknown as Resolver;
const signing = new Signing({ resolver, clock: systemClock, panic, marker: () => () => 'X-MSFBL: mark\r\n' });
after(() => {
  signing.close();
  rmSync(folder, { recursive: true, force: true });
});

const record = `v=DKIM1; k=ed25519; p=${publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64')}`;
const lookup = lookupBy((name, type, done) =>
  done({ kind: 'records', name, records: [{ name, type: 'TXT', ttl: 1, chunks: [Buffer.from(record)] }], ttl: 1, isAuthenticated: false }),
);

/** The whole as it leaves. @param top what policy put on a message that is not held */
async function leaves(text: string, top: string): Promise<string> {
  const context = new ValidationContext();
  context.setMessage('arc_cv', 'none');
  const run = signing.begin();
  run.append(Buffer.from(text));
  const recipients = [{ local: 'x', domain: 'x.test', binding: 'b', bindingGroup: '' }];
  const view = { batchId: 'm', sender: 'a@a.test', context, recipients, localName: 'mx.test', top: Buffer.from(top) };
  const fields = await new Promise<Buffer>((done) => run.finish(view, done));
  return `${fields.toString('latin1')}${top}${text}`;
}

test('MOD-03 a mark of fbl, two signatures that assert there is no further one, and a set of ARC: all of them hold, over fields of policy too', async () => {
  const oversignHeaderlist = ['From', 'X-MSFBL', 'X-Late', 'Subject'];
  const stanza = { options: { key: keyfile.replace('a.test', '%{d}'), selector: 's', oversignHeaderlist }, domains: [] };
  const signers = ['one', 'two'].map((name) => ({
    settings: opendkimSettings({ ...stanza, name: `opendkim:${name}` }),
    cache: keyCacheSettings({}),
    isOnBy: 'opendkimSign' as const,
  }));
  const seals = { signingDomain: 'a.test', selector: 's', keyfile, oversignHeaderlist };
  signing.configure({ signers, sealing: openarcSettings({ options: seals }).sealing });
  const questions = new LoopQuestions();
  signing.answerOn(questions);

  const text = await leaves('From: a@a.test\r\nX-Late: old\r\n\r\nHello\r\n', 'Subject: late\r\nX-Late: new\r\n');
  assert.deepEqual(text.match(/^(?:ARC-[A-Za-z-]*|X-[A-Za-z]*|DKIM-Signature|Subject|From)(?=:)/gm), [
    'ARC-Seal',
    'ARC-Message-Signature',
    'ARC-Authentication-Results',
    'X-MSFBL',
    'DKIM-Signature',
    'DKIM-Signature',
    'Subject',
    'X-Late',
    'From',
    'X-Late',
  ]);
  const judged = async (whole: string): Promise<string> => {
    const scan = beginScan();
    scan.append(Buffer.from(whole, 'latin1'));
    const o = { lookup, now: Math.floor(systemClock.now() / 1000) };
    return [...(await scan.verdicts(o)), await scan.arc(o)].map(({ result }) => result).join(' ');
  };
  assert.equal(await judged(text), 'pass pass pass', text);
  for (const change of ['X-MSFBL: mark', 'Subject: late', 'X-Late: new', 'X-Late: old'])
    assert.equal(await judged(text.replace(change, `${change}s`)), 'fail fail fail', change);
  assert.equal(await judged(`X-MSFBL: more\r\n${text}`), 'fail fail fail');

  const figures = async (name: string): Promise<object> => {
    const { processed, signed, failed } =
      new Map((await questions.ask(name, undefined)) as [string, SigningFigures][]).get('both b a.test') ?? {};
    return { processed, signed, failed };
  };
  assert.deepEqual(await figures('signing.figures'), { processed: 2, signed: 2, failed: 0 });
  assert.deepEqual(await figures('signing.seals'), { processed: 1, signed: 1, failed: 0 });
  await questions.ask('signing.reset', undefined);
  assert.deepEqual(await questions.ask('signing.seals', undefined), []);
  assert.deepEqual(lines, []);
});
