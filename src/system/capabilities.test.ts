// Proves the text form of capabilities and that the kernel's report is read.

import { test } from 'node:test';
import assert from 'node:assert/strict';
import { currentCapabilities, parseCapabilities } from '#system';

test('SEC-02 the text form names what stays permitted', () => {
  const permitted = (text: string): string[] | string => {
    const result = parseCapabilities(text);
    return result.ok ? result.permitted : result.message;
  };
  assert.deepEqual(permitted('cap_net_bind_service+ep'), ['cap_net_bind_service']);
  assert.deepEqual(permitted('cap_net_raw,CAP_NET_ADMIN,cap_sys_resource=ep  cap_net_bind_service+p'), [
    'cap_net_bind_service',
    'cap_net_admin',
    'cap_net_raw',
    'cap_sys_resource',
  ]);
  assert.deepEqual(permitted('cap_chown,cap_kill+ep cap_chown-p'), ['cap_kill']);
  assert.deepEqual(permitted('cap_chown=ep cap_chown='), []);
  assert.deepEqual(permitted(''), []);
  assert.equal((permitted('=ep') as string[]).length, 41);
  assert.equal((permitted('all=p cap_bpf-p') as string[]).length, 40);
});

test('SEC-02 a clause that cannot be read, or a name the kernel does not have, is refused by name', () => {
  for (const [text, words] of [
    ['cap_net_bind_service', /no capability clause/],
    ['cap_magic+ep', /"cap_magic"/],
    ['cap_chown+x', /no capability clause/],
    ['cap_chown,,cap_kill+p', /""/],
  ] as const) {
    const result = parseCapabilities(text);
    assert.ok(!result.ok);
    assert.match(result.message, words);
  }
});

test('the sets of this thread are read, and what is effective is permitted', () => {
  const sets = currentCapabilities();
  assert.ok(sets !== undefined);
  for (const name of sets.effective) assert.ok(sets.permitted.includes(name));
});
