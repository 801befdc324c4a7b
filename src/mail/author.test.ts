/**
 * Who the author of a message is, whatever is written around the address.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorDomains, bareText } from './author.ts';
import { HeaderBlock } from './header-block.ts';

test('DMARC: the author is who readers see: quotes, comments, groups and lists do not hide another', () => {
  const of = (...fields: string[]) =>
    authorDomains(HeaderBlock.parse(Buffer.from(`${fields.map((field) => `${field}\r\n`).join('')}\r\n`)));
  const rows: [string, readonly string[]][] = [
    ['From: a@a.test', ['a.test']],
    ['From: A <a@A.Test>', ['a.test']],
    ['from:"x@evil.test" <a@a.test>', ['a.test']],
    ['From: "x <x@evil.test>, y" <a@a.test>', ['a.test']],
    ['From: (x@evil.test (y@evil.test)) a@a.test (z@evil.test)', ['a.test']],
    ['From: "odd\\" <x@evil.test>" <a@a.test>', ['a.test']],
    ['From: a@a.test, B <b@b.test>, c@a.test', ['a.test', 'b.test']],
    ['From: group: a@a.test, b@b.test;', ['a.test', 'b.test']],
    ['From: J\u00f6 <a@b\u00fccher.test>', ['xn--bcher-kva.test']],
    ['From: (") <a@a.test> (")', ['a.test']],
    ['From: "(" <a@a.test>', ['a.test']],
    ['From: x@evil.test <a@a.test>', ['a.test']],
    ['From: Nobody\'s 12" <a@a.test>', ['a.test']],
    ['From: A\r\n\t<a@\r\n A.test > (x)', ['a.test']],
  ];
  for (const [field, expected] of rows) assert.deepEqual(of(field), expected, field);
  for (const fields of [
    [],
    ['From: a@a.test', 'From: b@b.test'],
    ['From: nobody'],
    ['From:'],
    ['From: <>'],
    ['From: a@[192.0.2.1]'],
    ['From: <a@evil.test> <a@a.test>'],
    ['From: <a@evil.test> a@a.test'],
    ['From: <@a.test>'],
    ['From: (<a@a.test>'],
    [`From: ${'a@a.test, '.repeat(9)}${Array.from({ length: 7 }, (_, i) => `a@${i}.test`).join()}`],
  ])
    assert.equal(typeof of(...fields), 'string', fields.join().slice(0, 60));
});

test('A49: a From full of quotes that are never closed is read in one pass', () => {
  let reads = 0;
  const text = `"${'\\"'.repeat(20_000)}`;
  // Every look at a character is counted: twice the length and a little, not its square.
  const counted = new Proxy(Object(text) as object, {
    get: (_target, key) => {
      if (typeof key === 'string' && /^\d/.test(key)) reads += 1;
      return key === 'length' ? text.length : text[Number(key)];
    },
  });
  assert.equal(bareText(counted as unknown as string), text);
  assert.ok(reads < 4 * text.length, `${reads} reads of ${text.length} characters`);
});
