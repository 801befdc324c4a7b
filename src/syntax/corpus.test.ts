/**
 * The corpus: every file of test/corpus/config against its golden list of problems and, where it is valid, its golden outline.
 * Run with UPDATE=1 to rewrite the golden files; the diff is the review. Files named bad-* must have problems, all others none.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConf } from './parser.ts';
import { printConf } from './print.ts';
import { formatProblems } from './problem-text.ts';
import type { Statement, Value } from './tree.ts';

const folder = fileURLToPath(new URL('../../test/corpus/config/', import.meta.url));
const isUpdate = process.env['UPDATE'] === '1';

function golden(name: string, actual: string): void {
  const path = join(folder, name);
  if (isUpdate) writeFileSync(path, actual);
  assert.ok(existsSync(path), `${name} is missing: run with UPDATE=1 and review what it writes`);
  assert.equal(actual, readFileSync(path, 'utf8'));
}

function valueText(value: Value): string {
  if (value.kind === 'word') return value.quoted ? JSON.stringify(value.text) : value.text;
  if (value.kind === 'array') return `(${value.items.map(valueText).join(' ')})`;
  if (value.kind === 'none') return '-';
  return `[${value.entries.map((entry) => `${JSON.stringify(entry.key)}: ${valueText(entry.value)}`).join(', ')}]`;
}

function outline(statements: readonly Statement[], indent = ''): string {
  return statements
    .map((statement) => {
      const at = `${indent}${statement.at.line}:${statement.at.column} `;
      if (statement.kind === 'include') return `${at}${statement.readonly ? 'readonly ' : ''}include ${JSON.stringify(statement.target)}\n`;
      if (statement.kind === 'option') return `${at}${statement.name} = ${valueText(statement.value)}\n`;
      const instance = statement.instance === undefined ? '' : ` ${JSON.stringify(statement.instance)}`;
      return `${at}${statement.name}${instance} {}\n${outline(statement.statements, `${indent}  `)}`;
    })
    .join('');
}

describe('the corpus of configurations', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.conf'))) {
    const text = readFileSync(join(folder, name));
    const conf = parseConf(text, name);
    const stem = name.slice(0, -'.conf'.length);

    it(`${name} prints back byte for byte`, () => assert.ok(printConf(conf).equals(text)));

    it(`${name} has the problems of its golden file (CFG-02 CFG-03 CFG-04 CFG-06 CFG-11)`, () => {
      assert.equal(conf.problems.length > 0, name.startsWith('bad-'));
      golden(`${stem}.problems`, conf.problems.length === 0 ? '' : `${formatProblems(conf.problems, text)}\n`);
    });

    if (name.startsWith('bad-')) continue;
    it(`${name} has the outline of its golden file (CFG-05 CFG-06 FB-12)`, () => golden(`${stem}.tree`, outline(conf.statements)));
  }
});
