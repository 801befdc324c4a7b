/**
 * Edits: the right text in the right place, and nothing else changed.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addScope, removeScope, setOption, unsetOption, type EditResult, type OptionPath, type ScopeKey } from './edit.ts';
import type { NewValue } from './format-value.ts';
import { parseConf } from './parser.ts';
import { printConf } from './print.ts';
import type { ConfFile, Statement } from './tree.ts';

const domain = { name: 'domain', instance: 'a.example' };

function at(option: string, ...scopes: ScopeKey[]): OptionPath {
  return { scopes, option };
}

/** The text after an edit; fails if the edit is refused or changes anything outside of the ranges it names. */
function edited(text: string, edit: (file: ConfFile) => EditResult): string {
  const file = parseConf(text, 'f');
  const before = file.source;
  const result = edit(file);
  assert.ok(result.ok, JSON.stringify(result));
  let expected = before;
  for (const change of result.changes.toReversed()) expected = expected.slice(0, change.offset) + change.text + expected.slice(change.end);
  assert.equal(file.source, expected);
  assert.deepEqual(file, parseConf(printConf(file), 'f'));
  return printConf(file).toString();
}

function set(text: string, path: OptionPath, value: NewValue): string {
  return edited(text, (file) => setOption(file, path, value));
}

function refusal(text: string, edit: (file: ConfFile) => EditResult): string {
  const file = parseConf(text, 'f');
  const result = edit(file);
  assert.ok(!result.ok);
  assert.equal(printConf(file).toString(), text);
  return result.code;
}

describe('setOption', () => {
  it('replaces the value in place and keeps comments, layout and quotes (CFG-05)', () => {
    assert.equal(set('a   =  1 # why\nb = 2', at('A'), '7'), 'a   =  7 # why\nb = 2');
    assert.equal(set('a = "x"', at('a'), 'y'), 'a = "y"');
    assert.equal(set("a = 'x'", at('a'), 'y "z"'), `a = 'y "z"'`);
    assert.equal(set('a = x', at('a'), 'y z'), 'a = "y z"');
    assert.equal(set('a = ( 1 2 )', at('a'), ['3', '4 5']), 'a = ( 3 "4 5" )');
    assert.equal(set('m [ k = v ]', at('m'), new Map([['k', 'w']])), 'm = [ k = w ]');
    assert.equal(set('relay_for_sending_domains # old\n', at('relay_for_sending_domains'), []), 'relay_for_sending_domains = () # old\n');
  });

  it('replaces the last of several, as that is the one in force (CFG-10)', () => {
    assert.equal(set('a = 1\na = 2\n', at('a'), '3'), 'a = 1\na = 3\n');
    const text = 'Domain a.example {\n  x = 1\n}\nDOMAIN "a.example" { X = 2 }\n';
    assert.equal(set(text, at('x', domain), '3'), text.replace('X = 2', 'X = 3'));
  });

  it('adds an option behind its neighbours, indented as they are', () => {
    assert.equal(
      set('a = 1\nS {\n\tb = 2 # note\n\tT {\n\t}\n}\n', at('c', { name: 's' }), '3'),
      'a = 1\nS {\n\tb = 2 # note\n\tc = 3\n\tT {\n\t}\n}\n',
    );
    assert.equal(set('a = 1\nS {\n}\n', at('c'), '3'), 'a = 1\nc = 3\nS {\n}\n');
    assert.equal(set('S {\n    include "x"\n}', at('c', { name: 'S' }), '3'), 'S {\n    include "x"\n    c = 3\n}');
    assert.equal(set('S {\n  a = 1\n}\r\n', at('b', { name: 'S' }), '2'), 'S {\n  a = 1\n  b = 2\n}\r\n');
    assert.equal(set('S {\r\n  a = 1\r\n}\r\n', at('b', { name: 'S' }), '2'), 'S {\r\n  a = 1\r\n  b = 2\r\n}\r\n');
  });

  it('adds an option to an empty scope, a scope of one line, and a scope of scopes', () => {
    assert.equal(set('S {}', at('a', { name: 'S' }), '1'), 'S {\n  a = 1\n}');
    assert.equal(set('O {\n    S { }\n}', at('a', { name: 'O' }, { name: 'S' }), '1'), 'O {\n    S {\n        a = 1\n    }\n}');
    assert.equal(set('S {\n}', at('a', { name: 'S' }), '1'), 'S {\n  a = 1\n}');
    assert.equal(set('S { a = 1 }', at('b', { name: 'S' }), '2'), 'S { a = 1 b = 2 }');
    assert.equal(set('S {a="1"b=2}', at('c', { name: 'S' }), '3'), 'S {a="1"b=2 c = 3 }');
    assert.equal(set('S { # why\n  T {}\n}', at('a', { name: 'S' }), '1'), 'S { # why\n  a = 1\n  T {}\n}');
    assert.equal(set('S { T {} }', at('a', { name: 'S' }), '1'), 'S { a = 1 T {} }');
    assert.equal(set('S { # only a comment }\n}', at('a', { name: 'S' }), '1'), 'S { # only a comment }\n  a = 1\n}');
  });

  it('adds an option to a file that has none', () => {
    assert.equal(set('', at('a'), '1'), 'a = 1\n');
    assert.equal(set('# nothing yet', at('a'), '1'), '# nothing yet\na = 1\n');
    assert.equal(set('/* c */', at('a'), '1'), '/* c */\na = 1\n');
    assert.equal(set('\ufeff', at('a'), '1'), '\ufeffa = 1\n');
    assert.equal(set('S {\n}\n', at('a'), '1'), 'S {\n}\na = 1\n');
    assert.equal(set('S {\n}', at('a'), '1'), 'S {\n}\na = 1');
  });

  it('does not put an option into the comment behind its neighbour (CFG-02)', () => {
    assert.equal(set('a = 1 /* over\ntwo lines */\n', at('b'), '2'), 'a = 1 b = 2 /* over\ntwo lines */\n');
    assert.equal(set('a = 1 /* here */ # and there\n', at('b'), '2'), 'a = 1 /* here */ # and there\nb = 2\n');
  });

  it('refuses names that would smuggle statements in, scopes that are not there, broken files and texts', () => {
    assert.equal(
      refusal('a = 1', (file) => setOption(file, at('x = 1 Open_Relay'), '2')),
      'bad-name',
    );
    assert.equal(
      refusal('a = 1', (file) => setOption(file, at('include'), '2')),
      'bad-name',
    );
    assert.equal(
      refusal('a = 1', (file) => setOption(file, at('b', domain), '2')),
      'no-scope',
    );
    assert.equal(
      refusal('a = ', (file) => setOption(file, at('b'), '2')),
      'has-problems',
    );
    assert.equal(
      refusal('a = 1', (file) => setOption(file, at('a'), 'x\x00y')),
      'would-break',
    );
  });
});

describe('unsetOption', () => {
  it('removes the line of the option, or only the option where others share the line (CFG-10)', () => {
    const unset = (text: string, path: OptionPath) => edited(text, (file) => unsetOption(file, path));
    assert.equal(unset('a = 1\n  b = (\n 2 )\nc = 3\n', at('B')), 'a = 1\nc = 3\n');
    assert.equal(unset('a = 1 b = 2 c = 3', at('b')), 'a = 1 c = 3');
    assert.equal(unset('a = 1\n  b = 2 # keep me\n', at('b')), 'a = 1\n  # keep me\n');
    assert.equal(unset('a = 1\nb = 2', at('b')), 'a = 1\n');
    assert.equal(
      unset('Domain a.example { x = 1 }\nDomain a.example {\n  x = 2\n}\n', at('x', domain)),
      'Domain a.example { }\nDomain a.example {\n}\n',
    );
    assert.equal(unset('\ufeffa = 1\r\nb = 2\r\n', at('a')), '\ufeffb = 2\r\n');
  });

  it('says so if there is nothing to remove', () => {
    assert.equal(
      refusal('a = 1', (file) => unsetOption(file, at('b'))),
      'no-option',
    );
    assert.equal(
      refusal('a = 1', (file) => unsetOption(file, at('b', domain))),
      'no-scope',
    );
  });
});

describe('addScope and removeScope', () => {
  const path = [{ name: 'Binding', instance: 'out "1"' }, domain];

  it('adds the scopes of a way that are missing, and none that is there', () => {
    const add = (text: string, way: ScopeKey[]) => edited(text, (file) => addScope(file, way));
    assert.equal(add('a = 1\n', path), 'a = 1\nBinding "out \\"1\\"" {\n  domain "a.example" {\n  }\n}\n');
    assert.equal(add('B {\n\tc = 1\n}\n', [{ name: 'b' }, { name: 'S' }]), 'B {\n\tc = 1\n\tS {\n\t}\n}\n');
    assert.equal(add('B {}\n', [{ name: 'b' }]), 'B {}\n');
    assert.equal(add('B {}\n', [{ name: 'b', instance: '' }]), 'B {}\nb "" {\n}\n');
    assert.equal(add('', [{ name: 'S' }]), 'S {\n}\n');
    assert.equal(
      refusal('', (file) => addScope(file, [{ name: 'S {} Open_Relay = true T' }])),
      'bad-name',
    );
  });

  it('removes every occurrence of a scope', () => {
    const remove = (text: string) => edited(text, (file) => removeScope(file, [domain]));
    assert.equal(remove('a = 1\nDomain a.example {\n  x = 1\n}\n# keep\nDomain "a.example" {} b = 2\n'), 'a = 1\n# keep\nb = 2\n');
    assert.equal(
      refusal('a = 1', (file) => removeScope(file, [domain])),
      'no-scope',
    );
  });
});

describe('edits of whole files', () => {
  const folder = new URL('../../test/corpus/config/', import.meta.url);
  const valid = readdirSync(folder)
    .filter((name) => name.endsWith('.conf') && !name.startsWith('bad-'))
    .map((name) => readFileSync(new URL(name, folder)));

  /** Every scope of a file as a way to it. */
  function ways(statements: readonly Statement[], way: readonly ScopeKey[] = []): (readonly ScopeKey[])[] {
    return [
      way,
      ...statements.flatMap((inner) =>
        inner.kind === 'scope' ? ways(inner.statements, [...way, { name: inner.name, instance: inner.instance }]) : [],
      ),
    ];
  }

  it('a new option can be set, read, changed and unset in any scope of any file, and the rest stays byte for byte (CFG-02 CFG-03 CFG-06)', () => {
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.nat(), fc.string(), (bytes, pick, random) => {
        // eslint-disable-next-line no-control-regex
        const value = random.replace(/[\x00-\x08\x0e-\x1f\x7f]/g, '');
        const file = parseConf(bytes, 'f');
        const all = ways(file.statements);
        const path = at('Brand_New', ...(all[pick % all.length] ?? []));
        const before = file.source;
        const first = setOption(file, path, value);
        assert.ok(first.ok && first.changes.length === 1);
        const [change] = first.changes;
        assert.ok(change !== undefined && before.slice(change.offset, change.end).trim() === '');
        const written = file.source;
        const second = setOption(file, path, ['x', value]);
        assert.ok(second.ok && second.changes.length === 1);
        assert.ok(setOption(file, path, value).ok);
        assert.equal(file.source, written);
        assert.ok(unsetOption(file, path).ok);
        assert.equal(file.source.replace(/\s/g, ''), before.replace(/\s/g, ''));
      }),
      { numRuns: 300 },
    );
  });
});
