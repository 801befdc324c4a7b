// Proves how the hosts file is read: several names a line, both families, comments, rubbish, and a bound.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { HostTable } from '#dns';

test('OUT-30 names are found in any case, per family, in the order of the file', () => {
  const table = new HostTable('127.0.0.1\tlocalhost\n::1 localhost\n10.0.0.1 Mail.Example mail # the hub\n10.0.0.2 mail\n10.0.0.1 mail\n');
  assert.deepEqual(table.find('MAIL.example', 'A'), ['10.0.0.1']);
  assert.deepEqual(table.find('mail', 'A'), ['10.0.0.1', '10.0.0.2']);
  assert.deepEqual(table.find('localhost', 'AAAA'), ['::1']);
  assert.equal(table.find('mail', 'AAAA'), undefined);
  assert.equal(table.has('the'), false);
});

test('lines that are none are skipped, and __proto__ is only a name', () => {
  const table = new HostTable('999.1.1.1 bad\nname 10.0.0.1\n\n#10.0.0.1 no\n10.0.0.3');
  assert.equal(table.size, 0);
  assert.equal(table.has('__proto__'), false);
  assert.deepEqual(new HostTable('10.0.0.1 __proto__').find('__proto__', 'A'), ['10.0.0.1']);
});

test('a file without end is read up to the bound', () => {
  const table = new HostTable(Array.from({ length: 100_010 }, (_, i) => `10.0.0.1 n${i}`).join('\n'));
  assert.equal(table.size, 100_000);
});
