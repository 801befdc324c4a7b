/**
 * ec_mta_sts_purge: what it takes out of a folder of policies, and what it leaves.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { command } from '../kit/server.ts';

test('MTA_STS_Policy_Store: ec_mta_sts_purge removes policies that are over and nothing else, names them beforehand, and says what it cannot do', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'mtasts-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const policy = (hours: number, maxAge = 86_400): string =>
    JSON.stringify({
      id: 'a1',
      text: `version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: ${maxAge}\n`,
      fetchedAt: Date.now() - hours * 3_600_000,
    });
  const files: Record<string, string> = {
    'old.test': policy(25),
    'xn--bcher-kva.test': policy(1, 0),
    'new.test': policy(23),
    // Counts for some minutes at least.
    'short.test': policy(0, 0),
    'garbled.test': '{"id":',
    'notes.txt': 'mine',
    'begun.test.123-0.new': policy(25),
    'left.test.123-0.new': 'half',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const dayBefore = new Date(Date.now() - 90_000_000);
  utimesSync(join(dir, 'left.test.123-0.new'), dayBefore, dayBefore);
  mkdirSync(join(dir, 'folder.test'));
  symlinkSync(join(dir, 'gone'), join(dir, 'link.test'));
  const all = readdirSync(dir).sort();
  const run = (...args: string[]) => command('ec_mta_sts_purge', args);

  const over = ['left.test.123-0.new', 'old.test', 'xn--bcher-kva.test'];
  assert.deepEqual(await run('-dryrun', '-dir', dir), { code: 0, out: over.map((name) => `would remove ${name}\n`).join(''), err: '' });
  assert.deepEqual(readdirSync(dir).sort(), all);
  const said = await run('--dir', dir, '-v');
  assert.match(
    said.out,
    /^removed left.*\nremoved old\.test\nremoved xn.*\nin force: begun.*\nin force: new\.test\nin force: short\.test\nno policy/,
  );
  assert.deepEqual(
    readdirSync(dir).sort(),
    all.filter((name) => !over.includes(name)),
  );
  assert.deepEqual(await run('-dir', dir), { code: 0, out: '', err: '' }, 'a second time');

  assert.equal((await run('-help')).code, 0);
  assert.match((await run('-dir', join(dir, 'nowhere'))).err, /there is no folder .*nowhere/);
  for (const [args, status] of [
    [['-dir'], 64],
    [['-all'], 64],
    [['-dir', join(dir, 'nowhere')], 1],
    [['-dir', join(dir, 'notes.txt')], 1],
  ] as const)
    assert.equal((await run(...args)).code, status, args.join(' '));
});
