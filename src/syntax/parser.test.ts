/**
 * Statements and scopes: what each spelling becomes in the tree, and what each fault is called.
 * Whole files with all their problems are in the corpus; here stands one behaviour at a time.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_PROBLEMS, MAX_SCOPE_DEPTH } from './errors.ts';
import { parseConf } from './parser.ts';
import { foldName, type ConfFile, type Statement } from './tree.ts';

function parse(text: string): ConfFile {
  return parseConf(text, 'test.conf');
}

/** The statements of a text without problems, each as a short line. */
function read(text: string): string[] {
  const conf = parse(text);
  assert.deepEqual(conf.problems, []);
  return conf.statements.map(show);
}

function show(statement: Statement): string {
  if (statement.kind === 'include') return `${statement.readonly ? 'readonly ' : ''}include <${statement.target}>`;
  if (statement.kind === 'scope') {
    const instance = statement.instance === undefined ? '' : ` <${statement.instance}>`;
    return `${statement.name}${instance} {${statement.statements.map(show).join(' ')}}`;
  }
  const { value } = statement;
  if (value.kind === 'word') return `${statement.name}=${value.text}`;
  if (value.kind === 'array') return `${statement.name}=(${value.items.map((item) => item.text).join('|')})`;
  if (value.kind === 'none') return `${statement.name}!`;
  return `${statement.name}=[${value.entries.map(({ key, value }) => `${key}:${value.kind === 'word' ? value.text : value.kind}`).join('|')}]`;
}

/** Code, line and near of each problem. */
function faults(text: string): string[] {
  return parse(text).problems.map(({ code, at, near }) => `${code} ${at.line}:${at.column} ${near}`);
}

describe('comments and white space', () => {
  it('a hash hides the rest of the line, wherever it stands outside of quotes (CFG-02)', () => {
    assert.deepEqual(read('a = 1 # b = 2\nc = 3# d\n#e = 4'), ['a=1', 'c=3']);
    assert.deepEqual(read('a = "1 # 2"'), ['a=1 # 2']);
  });

  it('a C comment is left out and does not nest: the first closing mark ends it (CFG-02)', () => {
    assert.deepEqual(read('a = 1 /* b = 2 /* c = 3 */ d = 4 /* e\n = */ f = 5'), ['a=1', 'd=4', 'f=5']);
    assert.deepEqual(faults('/* a /* b */ c */ d = 1'), ['missing-equals 1:14 c']);
  });

  it('a comment ends a bare word, a slash alone does not (CFG-02 CFG-04)', () => {
    assert.deepEqual(read('a = x/*1*/b = y/z c = //q'), ['a=x', 'b=y/z', 'c=//q']);
  });

  it('a hash comment ends at the line feed, not at a carriage return alone (CFG-02)', () => {
    assert.deepEqual(read('# a\rOpen_Relay = true\nb = 1'), ['b=1']);
  });

  it('line breaks only separate: one statement may stand on many lines, many on one (CFG-03)', () => {
    assert.deepEqual(read('a\n=\n1 b\n=\n(\n2\n)\nS\n"i"\n{\nc\n=\n3\n}'), ['a=1', 'b=(2)', 'S <i> {c=3}']);
    assert.deepEqual(read('a=1 b=(2)c=[d=3]S{e=4}f="5"g=6'), ['a=1', 'b=(2)', 'c=[d:3]', 'S {e=4}', 'f=5', 'g=6']);
  });

  it('macros of modules are plain text to the language (CFG-16)', () => {
    assert.deepEqual(read('a = "%{localpart}@%{domain||x}" b = %h c = "$user {NODENAME}"'), [
      'a=%{localpart}@%{domain||x}',
      'b=%h',
      'c=$user {NODENAME}',
    ]);
  });
});

describe('statements', () => {
  it('an option takes a bare or a quoted value; booleans, octal and rates stay the words they are (CFG-06 CFG-07 CFG-08 CFG-09)', () => {
    assert.deepEqual(read('a = true b = "false" c = 0666 d = "0660" e = "100/60" f = on'), [
      'a=true',
      'b=false',
      'c=0666',
      'd=0660',
      'e=100/60',
      'f=on',
    ]);
  });

  it('names keep their spelling and compare without case; instances keep theirs (CFG-05)', () => {
    const [first, second] = parse('ESMTP_Listener {} esmtp_listener {}').statements;
    assert.ok(first?.kind === 'scope' && second?.kind === 'scope');
    assert.notEqual(first.name, second.name);
    assert.equal(foldName(first.name), foldName(second.name));
    assert.deepEqual(read('Binding "Alpha" {} Binding alpha {}'), ['Binding <Alpha> {}', 'Binding <alpha> {}']);
  });

  it('arrays are separated by white space, may be empty, and commas do no harm (CFG-06)', () => {
    assert.deepEqual(read('a = ( x "y z" /24 ) b = () c = ("1","2",3 , 4,)'), ['a=(x|y z|/24)', 'b=()', 'c=(1|2|3|4)']);
    assert.deepEqual(read('a = ("300,6" "1800,4")'), ['a=(300,6|1800,4)']);
  });

  it('dictionaries stand with or without =, with quoted, dotted and address keys (CFG-06)', () => {
    assert.deepEqual(read('a = [ "0" = "250 ok" 0.0.0.1 = x k.l = y ] b [ m = n ] c []'), [
      'a=[0:250 ok|0.0.0.1:x|k.l:y]',
      'b=[m:n]',
      'c=[]',
    ]);
  });

  it('scopes stand without instance, with a quoted or a bare one, and with = (CFG-06)', () => {
    assert.deepEqual(read('S{} S "i"{} S i {} S "" {} S = { a = 1 }'), ['S {}', 'S <i> {}', 'S <i> {}', 'S <> {}', 'S {a=1}']);
  });

  it('addresses, networks, ports and paths are bare instances (CFG-06)', () => {
    assert.deepEqual(
      read('Listen *:25 {} Listen :587 {} Peer 10.0.0.0/8 {} Listen /tmp/2025 {} Peer 2001:db8::/32 {} Listen /tmp/2025{}'),
      [
        'Listen <*:25> {}',
        'Listen <:587> {}',
        'Peer <10.0.0.0/8> {}',
        'Listen </tmp/2025> {}',
        'Peer <2001:db8::/32> {}',
        'Listen </tmp/2025> {}',
      ],
    );
  });

  it('a pattern is a bare instance, with parentheses, braces, quotes and hashes in it (FB-12)', () => {
    assert.deepEqual(read('Domain /post\\.exa(m|mp)le$/ { a = 1 } Domain /x{2}[{}]"#=\\/y/{}'), [
      'Domain </post\\.exa(m|mp)le$/> {a=1}',
      'Domain </x{2}[{}]"#=\\/y/> {}',
    ]);
    assert.deepEqual(read('Domain "/^(a|b)\\.test$/" {}'), ['Domain </^(a|b)\\.test$/> {}']);
  });

  it('includes take a quoted or a bare path, in any scope and any case (CFG-06)', () => {
    assert.deepEqual(read('include "a b.conf" S { Include c.conf READONLY_INCLUDE /d/e.conf }'), [
      'include <a b.conf>',
      'S {include <c.conf> readonly include </d/e.conf>}',
    ]);
  });

  it('relay_for_sending_domains may stand bare, as in 2.x, before anything (CFG-06)', () => {
    assert.deepEqual(read('Relay_For_Sending_Domains\nS {}'), ['Relay_For_Sending_Domains!', 'S {}']);
    assert.deepEqual(read('L { relay_for_sending_domains }'), ['L {relay_for_sending_domains!}']);
    assert.deepEqual(read('relay_for_sending_domains a = 1'), ['relay_for_sending_domains!', 'a=1']);
    assert.deepEqual(read('relay_for_sending_domains = ( "x" )'), ['relay_for_sending_domains=(x)']);
    assert.deepEqual(read('relay_for_sending_domains'), ['relay_for_sending_domains!']);
  });

  it('places say where a statement begins and ends, and where the body of a scope is (CFG-11)', () => {
    const [scope] = parse(' S "i" {\n  a = 1 } ').statements;
    assert.ok(scope?.kind === 'scope');
    assert.deepEqual(scope.at, { file: 'test.conf', line: 1, column: 2, offset: 1, end: 18 });
    assert.deepEqual(scope.body, { offset: 8, end: 17, isClosed: true });
    assert.deepEqual(scope.statements[0]?.at, { file: 'test.conf', line: 2, column: 3, offset: 11, end: 16 });
  });
});

describe('problems', () => {
  it('a missing value is told from a value on the next line (CFG-03 CFG-11)', () => {
    assert.deepEqual(faults('a =\nb = 1'), ['missing-value 1:1 a']);
    assert.deepEqual(read('a =\nb c = 1'), ['a=b', 'c=1']);
    assert.deepEqual(read('a =\nb\nc = 1'), ['a=b', 'c=1']);
    assert.deepEqual(faults('a = }'), ['missing-value 1:1 a', 'unexpected-close 1:5 }']);
    assert.deepEqual(faults('a\nb = 1'), ['missing-value 1:1 a']);
  });

  it('a value of several words asks for quotes (CFG-04 CFG-11)', () => {
    assert.deepEqual(faults('Banner = 220 mail\nb = 1'), ['needs-quotes 1:14 mail']);
    const [problem] = parse('Banner = 220 mail').problems;
    assert.equal(problem?.hint, "if it belongs to the value of 'Banner', put that value in quotation marks");
    assert.deepEqual(faults('a = x y = 2 z = 3'), []);
  });

  it('a list that is not closed ends before the next statement, scope or brace (CFG-06 CFG-11)', () => {
    assert.deepEqual(faults('a = ( 1\nb = 2'), ['unclosed-array 1:5 (']);
    assert.deepEqual(faults('S { a = ( 1\n}'), ['unclosed-array 1:9 (']);
    assert.deepEqual(faults('a = [ k = v\nS "i" { b = 1 }'), ['unclosed-dictionary 1:5 [']);
    assert.deepEqual(parse('a = ( 1\nb = 2').statements.map(show), ['a=(1)', 'b=2']);
    assert.deepEqual(parse('a = [ k = v\nS "i" { b = 1 }').statements.map(show), ['a=[k:v]', 'S <i> {b=1}']);
  });

  it('a quotation mark that is missing is found on its own line, though a later mark would match (CFG-11 A78)', () => {
    const conf = parse('a = "one\nb = "two"\nc = "three"\n');
    assert.deepEqual(
      conf.problems.map(({ code, at }) => [code, at.line, at.column]),
      [['unterminated-string', 1, 5]],
    );
    assert.deepEqual(conf.statements.map(show), ['a=one', 'b=two', 'c=three']);
  });

  it('an unterminated comment hides the braces that follow, so it alone is reported (CFG-02 A78)', () => {
    assert.deepEqual(faults('S {\n/* x\n}'), ['unterminated-comment 2:1 /*']);
  });

  it('a scope that is never closed is reported where it begins, with the brace that looks wrong (CFG-11)', () => {
    const [problem, ...more] = parse('A {\n  B {\n    c = 1\n\n  D {\n  }\n}\n').problems;
    assert.deepEqual(more, []);
    assert.equal(problem?.code, 'unclosed-scope');
    assert.equal(problem?.at.line, 1);
    assert.match(problem?.hint ?? '', /at line 7 and closes 'B' of line 2/);
  });

  it('braces that match nothing do not upset what follows (CFG-11)', () => {
    assert.deepEqual(faults('}\na = 1\n{ b = 2 }\nc = 3'), ['unexpected-close 1:1 }', 'unexpected-token 3:1 {']);
    assert.deepEqual(parse('}\na = 1\n{ b = 2 }\nc = 3').statements.map(show), ['a=1', 'c=3']);
  });

  it('what was copied from a document is no language: emphasis, ellipsis, typographic quotes, no-break spaces (CFG-04)', () => {
    assert.deepEqual(faults('**Listen_Backlog = 500**'), ['bad-name 1:1 **Listen_Backlog']);
    assert.deepEqual(faults('S { ... }'), ['bad-name 1:5 ...']);
    assert.deepEqual(faults('a = \u201cx\u201d'), ['curly-quote 1:5 \u201c']);
    assert.deepEqual(faults('a\u00a0= "x\u00a0y"'), ['odd-space 1:2 \u00a0']);
    assert.deepEqual(parse('a\u00a0= 1').statements.map(show), ['a=1']);
  });

  it('a semicolon is no terminator (CFG-03)', () => {
    assert.deepEqual(faults('a = 5;\nb = "x";\nc = "x;y"'), ['semicolon 1:6 ;', 'semicolon 2:8 ;']);
  });

  it('an include says what to include (CFG-06)', () => {
    assert.deepEqual(faults('include\na = 1'), ['missing-target 1:1 include']);
    assert.deepEqual(faults('include = "x"'), ['missing-target 1:1 include']);
  });

  it('a scope nested too deep is skipped as a whole, with one problem (A78)', () => {
    const text = `${'s {'.repeat(MAX_SCOPE_DEPTH + 5)} a = "}" /* } */ ${'}'.repeat(MAX_SCOPE_DEPTH + 5)} after = 1`;
    assert.deepEqual(
      parse(text).problems.map(({ code }) => code),
      ['too-deep'],
    );
    assert.equal(parse(text).statements.map(show).at(-1), 'after=1');
  });

  it('problems are bounded, in the order of the file, and the last says how many more (A78)', () => {
    const { problems } = parse('= 1\n'.repeat(MAX_PROBLEMS + 50));
    assert.equal(problems.length, MAX_PROBLEMS);
    assert.equal(problems.at(-1)?.code, 'too-many');
    assert.equal(problems.at(-1)?.message, 'and 51 more');
    assert.deepEqual(
      problems.map(({ at }) => at.line),
      problems.map((_problem, index) => index + 1),
    );
    assert.equal(parse('= 1\n'.repeat(MAX_PROBLEMS)).problems.at(-1)?.message, 'and 1 more');
    assert.equal(parse('= 1\n'.repeat(MAX_PROBLEMS - 1)).problems.at(-1)?.code, 'unexpected-token');
  });
});
