/**
 * The law about declarations: an option that is declared to work is read by somebody, and a test shows that its value takes effect.
 *
 * The one rule: every message says what to do instead. Like the other laws it reads the sources as text (tidy.test.ts); what a test
 * proves it cannot judge, only that there is one.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { declaredOptions, moduleDeclarations, type ModuleDeclaration, type OptionDeclaration } from '#config';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = globSync('src/**/*.ts', { cwd: root }).sort();
const production = sources.filter((file) => !file.endsWith('.test.ts'));
const text = new Map(sources.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

/** Two modules sign in one way: what they share reads their options. */
function roomOfOptions(module: string): string {
  return module === 'opendkim' || module === 'dkim_sign' ? 'src/dkim/' : `src/modules/${module}/`;
}

test('every option declared to work is read by a room and shown by a test of its own', () => {
  const tests = new Map(
    [...sources.filter((file) => file.endsWith('.test.ts')), ...globSync('test/**/*.test.ts', { cwd: root })]
      .filter((file) => !file.startsWith('test/tidy') && !file.endsWith('/fixtures.test.ts'))
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
  // What the room config itself does with an option is in config; elsewhere a mention there is only an example.
  const isConfig = (file: string) =>
    file.startsWith('src/config/') || file.startsWith('src/syntax/') || file.startsWith('src/cli/validate');
  const readers = production.filter((file) => !file.startsWith('src/config/declared/'));
  const says = (body: string, words: RegExp) => words.test(body);
  const problems: string[] = [];
  const look = (name: string, key: string, inside: (file: string) => boolean) => {
    // Set in a configuration, given as a value by its key, or named in a title.
    const words = new RegExp(
      `\\b${name}\\s*=[^=>]|\\b${key}\\b\\s*[:=,}]|\\.${key}\\b|(?:test|title)\\([\\s\\S]{0,200}?\\b${name}\\b`,
      'i',
    );
    const code = new RegExp(`\\b(?:${key}|${name}|${name.toLowerCase()})\\b`);
    const places = readers.filter((file) => inside(file) && says(text.get(file)!, code));
    if (places.length === 0) {
      problems.push(`${name} is declared to work and nothing reads ${key}: say inert, or guards while it protects`);
      return;
    }
    const isOwn = places.every(isConfig);
    if (![...tests].some(([file, body]) => inside(file) && isConfig(file) === isOwn && says(body, words)))
      problems.push(`${name} is declared to work and no test mentions it: show that its value takes effect`);
  };
  const options: readonly OptionDeclaration[] = declaredOptions;
  const works = (o: OptionDeclaration) => o.implemented && o.status !== 'inert';
  for (const option of options.filter(works)) look(option.name, option.key, (file) => !file.startsWith('src/modules/'));
  for (const module of moduleDeclarations as readonly ModuleDeclaration[])
    for (const option of module.options.filter(works))
      look(
        option.name,
        option.key,
        (file) => file.startsWith(roomOfOptions(module.name)) || file.startsWith(`src/modules/${module.name}/`) || file.startsWith('test/'),
      );
  assert.ok(problems.length === 0, `\n${problems.join('\n')}`);
});
