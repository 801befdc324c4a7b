import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daneSettings } from './index.ts';

test('dane: Self_Test_Name is com unless it is set, and what is no domain is refused by its value', () => {
  assert.deepEqual(daneSettings({}), { signedName: 'com' });
  assert.deepEqual(daneSettings({ selfTestName: 'Signed.Test.' }), { signedName: 'signed.test' });
  assert.throws(() => daneSettings({ selfTestName: 'a b' }), /Self_Test_Name "a b" is no domain/);
});
