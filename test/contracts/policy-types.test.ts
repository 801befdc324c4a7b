/**
 * The types that are published for policies: what the documentation shows compiles with them, and what cannot be is refused by them.
 *
 * The one rule: the compiler sees what an author has, the published file beside the policy, and nothing of the sources.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, run } from '../kit/server.ts';

async function compile(text: string): Promise<{ code: number | null; out: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'policy-types-'));
  copyFileSync(join(root, 'docs/manual/policy-types.d.ts'), join(dir, 'policy-types.d.ts'));
  writeFileSync(join(dir, 'policy.ts'), text);
  const flags = [
    '--noEmit',
    '--strict',
    '--erasableSyntaxOnly',
    '--target',
    'es2024',
    '--module',
    'esnext',
    '--moduleResolution',
    'bundler',
    '--types',
    '',
  ];
  const { code, out, err } = await run(join(root, 'bin/node'), [join(root, 'node_modules/typescript/bin/tsc'), ...flags, 'policy.ts'], {
    cwd: dir,
  });
  rmSync(dir, { recursive: true });
  return { code, out: out + err };
}

test('The example of docs/policy.md compiles with the published types, and mistakes do not (POL-07)', async () => {
  const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/policy.md'), 'utf8'))?.[1] ?? assert.fail('no example');
  const good = await compile(example);
  assert.deepEqual([good.code, good.out], [0, '']);
  const head = `import type { Policy } from './policy-types.d.ts';\n`;
  for (const wrong of [
    `export const connect: Policy['connect'] = () => 'discard';`,
    `export const rcptto: Policy['rcptto'] = (event) => event.headers.add('X', '1');`,
    `export const data: Policy['data'] = (event) => event.recipient.setBinding('b');`,
    `export const mailfrom: Policy['mailfrom'] = () => ({ reject: 550 });`,
  ])
    assert.notEqual((await compile(`${head}${wrong}\n`)).code, 0, wrong);
});
