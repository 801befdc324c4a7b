/** Lists of headers as both modules write them, and fields taken from the bottom up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '#mail';
import { namedRules, suffixedRules } from './plan.ts';
import { fieldsToSign, relaxedField, SIGNED_FIELDS_MAX, signedFields } from './signed-fields.ts';

const fields = HeaderBlock.parse(
  Buffer.from('Received: 1\r\nReceived: 2\r\nFrom: a@b.test\r\nX-Example: one\r\nSubject: s\r\nX-Example: two\r\n\r\n'),
).fields;

function chosen(rules: ReturnType<typeof suffixedRules>): string[] {
  assert.ok(rules);
  return signedFields(fields, rules).map(({ name, field }) => `${name}=${field?.raw.toString().split(': ')[1]?.trim() ?? '-'}`);
}

test('MOD-03 the suffixes ?, * and + of a headerlist say how many copies are signed and whether a missing one is asserted', () => {
  assert.deepEqual(chosen(suffixedRules('Received+:X-Example*:From:Subject?:Received')), [
    'Received=2',
    'Received=1',
    'X-Example=two',
    'X-Example=one',
    'From=a@b.test',
    'Subject=s',
    'Received=-',
  ]);
  assert.deepEqual(chosen(suffixedRules('From : Cc? : Bcc+ : Reply-To : List-Id*')), ['From=a@b.test', 'Reply-To=-', 'List-Id=-']);
});

test('MOD-03 a list without From gets it, as a signature without it would not count', () => {
  assert.deepEqual(chosen(suffixedRules('Subject')), ['From=a@b.test', 'Subject=s']);
  assert.deepEqual(chosen(namedRules({ names: ['Subject'], skipped: ['from'], oversigned: [] })), ['From=a@b.test', 'Subject=s']);
});

test('MOD-03 names of opendkim are signed as often as they are there; oversigned ones once more, skipped ones not', () => {
  assert.deepEqual(
    chosen(namedRules({ names: ['from', 'X-Example', 'Subject', 'To'], skipped: ['SUBJECT'], oversigned: ['From', 'Cc'] })),
    ['from=a@b.test', 'from=-', 'X-Example=two', 'X-Example=one', 'Cc=-'],
  );
  assert.deepEqual(chosen(namedRules({ names: undefined, skipped: [], oversigned: [] })), ['From=a@b.test', 'Subject=s']);
});

test('a name that could not be a header is no list', () => {
  for (const list of ['', 'From:', 'From::To', 'Fr om', 'From;b=x', '?', 'a\u0000b']) assert.equal(suffixedRules(list), undefined, list);
  assert.equal(namedRules({ names: ['From', 'b:c'], skipped: [], oversigned: [] }), undefined);
});

test('A47 a hundred thousand fields of a signed name give a bounded list', () => {
  const many = HeaderBlock.parse(Buffer.from(`From: a@b.test\r\n${'Received: x\r\n'.repeat(100_000)}\r\n`)).fields;
  assert.equal(signedFields(many, suffixedRules('From:Received+')!).length, SIGNED_FIELDS_MAX);
});

test('A47 of thousands of fields that a list names in front of From, From is signed and asserted all the same', () => {
  const many = HeaderBlock.parse(Buffer.from(`From: a@b.test\r\n${'Received: x\r\n'.repeat(2_000)}\r\n`)).fields;
  const names = fieldsToSign(many, namedRules({ names: ['Received', 'From'], skipped: [], oversigned: ['From'] })!).map(({ name }) => name);
  assert.deepEqual([names.length, names.slice(0, 3)], [SIGNED_FIELDS_MAX, ['From', 'From', 'Received']]);
  assert.equal(fieldsToSign(fields, suffixedRules('Received+:From')!)[0]?.name, 'Received');
});

test('RFC 6376 5.4: that there is no further DKIM-Signature is not asserted, whatever a list says: our own would break it', () => {
  assert.deepEqual(chosen(suffixedRules('From:DKIM-Signature')), ['From=a@b.test']);
  assert.deepEqual(chosen(namedRules({ names: ['From'], skipped: [], oversigned: ['dkim-signature'] })), ['From=a@b.test']);
});

test('RFC 8617: a message without From names it in the list all the same, as a set of ARC may be put on it', () => {
  const none = HeaderBlock.parse(Buffer.from('Subject: s\r\n\r\n')).fields;
  for (const names of [undefined, ['Subject'], ['From', 'Subject']])
    assert.deepEqual(
      signedFields(none, namedRules({ names, skipped: [], oversigned: [] })!).map(({ name }) => name),
      ['From', 'Subject'],
    );
});

test('a relaxed field is that of RFC 6376 section 3.4.5', () => {
  assert.equal(relaxedField('A: X\r\n'), 'a:X');
  assert.equal(relaxedField('B : Y\t\r\n\tZ  \r\n'), 'b:Y Z');
  assert.equal(relaxedField('Empty:\r\n'), 'empty:');
  assert.equal(relaxedField('N: \u00a0x\u00a0\r\n'), 'n:\u00a0x\u00a0');
});
