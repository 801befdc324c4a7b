// Proves that native calls can be switched off and on, and that both the room and people learn what is missing.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { compilePcre, configureSystem, peerCredentials, setSocketBuffers, systemAvailable } from '#system';

after(() => configureSystem({ ffi: true }));

test('on a Linux machine with its usual libraries everything is available', () => {
  assert.deepEqual(systemAvailable(), { ffi: true, pcre: true });
});

test('switched off, everything degrades with a plain reason and nothing throws', () => {
  configureSystem({ ffi: false });
  assert.deepEqual(systemAvailable(), { ffi: false, pcre: false, reason: 'native calls are switched off' });
  assert.equal(peerCredentials(0), undefined);
  assert.equal(setSocketBuffers(0, 4096, 4096), false);
  assert.equal(setSocketBuffers(0, 0, 0), true);
  const refused = compilePcre('(?=a)b');
  assert.ok(!refused.ok);
  assert.match(refused.message, /lookaround.*need the PCRE library \(native calls are switched off\)/);
  configureSystem({ ffi: true });
  assert.equal(systemAvailable().pcre, true);
});
