/**
 * Values read by their types.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseConf } from '#syntax';
import type { ValueType } from './declaration.ts';
import { parseBoolean, parseValue } from './value-types.ts';
import { formatValue, quoteWord } from './values.ts';

/** The value of `X = text`, read as `type`; undefined when it is refused. */
function read(type: ValueType, text: string): unknown {
  const file = parseConf(`X = ${text}\n`, 'x.conf');
  assert.deepEqual(file.problems, []);
  const [statement] = file.statements;
  assert.ok(statement?.kind === 'option');
  const parsed = parseValue(type, statement.value);
  return parsed.ok ? parsed.value : undefined;
}

test('CFG-07 booleans are true/false, on/off, enabled/disabled, 1/0, yes/no, in any case, quoted or bare', () => {
  for (const word of ['true', 'on', 'enabled', '1', 'yes', 'TRUE', '"Enabled"']) assert.equal(read({ kind: 'boolean' }, word), true, word);
  for (const word of ['false', 'off', 'disabled', '0', 'no', 'Off', '"false"']) assert.equal(read({ kind: 'boolean' }, word), false, word);
  for (const word of ['2', 'truthy', '""', 'enable']) assert.equal(read({ kind: 'boolean' }, word), undefined, word);
  assert.equal(parseBoolean('t'), undefined);
});

test('CFG-08 octal modes have a leading zero or not, bare or quoted, and nothing above 07777', () => {
  assert.equal(read({ kind: 'octal' }, '0660'), 0o660);
  assert.equal(read({ kind: 'octal' }, '"0640"'), 0o640);
  assert.equal(read({ kind: 'octal' }, '775'), 0o775);
  for (const wrong of ['0680', '0x1ff', '10000', '-7', '6.4']) assert.equal(read({ kind: 'octal' }, wrong), undefined, wrong);
});

test('CFG-09 rates are N a second, or N in S seconds', () => {
  assert.deepEqual(read({ kind: 'rate' }, '"3"'), { count: 3, periodSeconds: 1 });
  assert.deepEqual(read({ kind: 'rate' }, '"3/60"'), { count: 3, periodSeconds: 60 });
  assert.deepEqual(read({ kind: 'rate' }, '60/3'), { count: 60, periodSeconds: 3 });
  for (const wrong of ['3/0', '/60', '3/', 'many', '"-1"', '1.5']) assert.equal(read({ kind: 'rate' }, wrong), undefined, wrong);
});

test('numbers keep to their range and are never rounded', () => {
  assert.equal(read({ kind: 'integer', min: 0 }, '32'), 32);
  assert.equal(read({ kind: 'integer' }, '-1'), -1);
  assert.equal(read({ kind: 'integer', min: 0 }, '-1'), undefined);
  assert.equal(read({ kind: 'integer', max: 10 }, '11'), undefined);
  assert.equal(read({ kind: 'integer' }, '1.5'), undefined);
  assert.equal(read({ kind: 'integer' }, '99999999999999999999'), undefined);
  assert.equal(read({ kind: 'seconds' }, '86400'), 86400);
  assert.equal(read({ kind: 'seconds' }, '"4 hours"'), undefined);
  assert.equal(read({ kind: 'percent' }, '90'), 90);
  assert.equal(read({ kind: 'percent' }, '101'), undefined);
  assert.equal(read({ kind: 'number' }, '0.3'), 0.3);
  assert.deepEqual(read({ kind: 'bounds' }, '"1,20"'), { low: 1, high: 20 });
  assert.deepEqual(read({ kind: 'bounds' }, '( 1 20 )'), { low: 1, high: 20 });
  assert.equal(read({ kind: 'bounds' }, '"20,1"'), undefined);
});

test('lists take a single word too, addresses in a list of networks are checked, dictionaries keep their order', () => {
  assert.deepEqual(read({ kind: 'array' }, '( a "b c" d )'), ['a', 'b c', 'd']);
  assert.deepEqual(read({ kind: 'array' }, 'one'), ['one']);
  assert.deepEqual(read({ kind: 'array' }, '( )'), []);
  assert.deepEqual(read({ kind: 'array', of: 'cidr' }, '( 10.0.0.0/8 "2001:db8::1" )'), ['10.0.0.0/8', '2001:db8::1']);
  assert.equal(read({ kind: 'array', of: 'cidr' }, '( 10.0.0.0/8 10.0.0.0/33 )'), undefined);
  assert.equal(read({ kind: 'array' }, '[ a = b ]'), undefined);
  assert.deepEqual(
    read({ kind: 'dictionary' }, '[ b = 1 "a" = "2 3" ]'),
    new Map([
      ['b', '1'],
      ['a', '2 3'],
    ]),
  );
  assert.equal(read({ kind: 'dictionary' }, 'word'), undefined);
  assert.equal(read({ kind: 'string' }, '( a b )'), undefined);
});

test('CFG-06 a bare statement says yes to a boolean and gives an empty list', () => {
  const [statement] = parseConf('relay_for_sending_domains\n', 'x.conf').statements;
  assert.ok(statement?.kind === 'option');
  assert.deepEqual(parseValue({ kind: 'boolean' }, statement.value), { ok: true, value: true });
  assert.deepEqual(parseValue({ kind: 'array', of: 'domain-glob' }, statement.value), { ok: true, value: [] });
  assert.equal(parseValue({ kind: 'integer' }, statement.value).ok, false);
});

test('enumerations know their words in any case, other spellings of them, and numbers where the option takes them', () => {
  const blackhole: ValueType = { kind: 'enum', values: ['false', 'true', 'inline'], aliases: { on: 'true' } };
  assert.equal(read(blackhole, 'Inline'), 'inline');
  assert.equal(read(blackhole, 'ON'), 'true');
  assert.equal(read(blackhole, 'maybe'), undefined);
  const retries: ValueType = { kind: 'enum', values: ['auto', 'none'], orNumber: 'integer' };
  assert.equal(read(retries, '5'), 5);
  assert.equal(read(retries, '-5'), undefined);
  assert.equal(read({ kind: 'enum', values: ['none'], orOther: true }, 'Whatever'), 'Whatever');
});

test('CFG-16 the language has no variables: macros in values stay as they are', () => {
  assert.equal(read({ kind: 'string' }, '"%{localpart}@$HOME"'), '%{localpart}@$HOME');
});

test('CFG-04 any text that is quoted for a file comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      assert.equal(read({ kind: 'string' }, quoteWord(text)), text);
    }),
  );
});

test('values print in the form in which they are written', () => {
  assert.equal(formatValue({ count: 3, periodSeconds: 60 }), '3/60');
  assert.equal(formatValue({ count: 3, periodSeconds: 1 }), '3');
  assert.equal(formatValue(['a', 'b c']), '( a "b c" )');
  assert.equal(formatValue(new Map([['k', 'v w']])), '[ k = "v w" ]');
  assert.equal(formatValue(false), '0');
  assert.equal(formatValue({ low: 1, high: 2 }), '1,2');
});

test('OUT-02 an address is an address of either family, in brackets or not, or nothing; a name is refused with what would be right', () => {
  for (const good of ['192.0.2.1', '"2001:db8::1"', '"[::1]"', '""']) assert.notEqual(read({ kind: 'address' }, good), undefined, good);
  for (const wrong of ['mx.example.com', '192.0.2.300', '192.0.2.0/24', '"*"', '"[192.0.2.1"'])
    assert.equal(read({ kind: 'address' }, wrong), undefined, wrong);
});
