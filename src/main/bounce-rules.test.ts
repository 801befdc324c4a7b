/*
 * The table of bounce classes in a running thread: read again when it changed, and never worse than before.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock, TimerWheel } from '#base';
import { BounceRules, LateBounceRules } from './bounce-rules.ts';

test('BNC-09 BNC-10 the table is read again within a minute when it was changed; a line that is no rule is told by its place, a table that is gone leaves the old one', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bounce-rules-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const clock = new ManualClock();
  const timers = new TimerWheel({ clock });
  const told: string[] = [];
  const table = join(dir, 'rules.txt');
  writeFileSync(table, '[replies]\n10 | | no such | 550 no such user\n');
  const setup = { overrides: { files: [], refreshSeconds: 300, names: new Map(), problems: [] }, cacheMax: 100, cacheSeconds: 3600 };
  const o = { clock, timers, tell: (text: string) => void told.push(text), table };
  const rules = new BounceRules(setup, o);
  const late = new LateBounceRules(() => setup, o);
  assert.deepEqual(late.reload(), [], 'nothing was read, so nothing is read again');
  const codes = (): number[] => [rules, late.get()].map((of) => of.reply('550 no such user', 'a.test').code);
  const pass = (): void => {
    clock.advance(60_000);
    timers.advance();
  };
  assert.deepEqual(codes(), [10, 10]);
  writeFileSync(table, '[replies]\n51 | | no such | 550 no such user\nnonsense\n');
  pass();
  assert.deepEqual(codes(), [51, 51]);
  assert.match(told.join('\n'), /rules\.txt:3: expected "code \| status \| words \| example"/);
  rmSync(table);
  pass();
  assert.deepEqual(codes(), [51, 51]);
  assert.match(told.at(-1) ?? '', /cannot read .*rules\.txt/);
  rules.use({ ...setup, cacheMax: 10 });
  assert.deepEqual(codes(), [51, 51], 'nor does a change of the configuration at that moment leave it without rules');
  writeFileSync(table, '[replies]\n22 | | no such | 550 no such user\n');
  assert.deepEqual([rules.reload(), late.reload(), codes()], [[], [], [22, 22]]);
  rules.close();
  late.close();
});
