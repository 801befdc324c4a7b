/** From options to what a signer knows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suffixedRules } from './plan.ts';
import { keyCacheSettings, signerSettings } from './settings.ts';

const rules = () => suffixedRules('From')!;

test('MOD-03 a domain scope is laid over the module, and each option of both takes effect', () => {
  const { defaults, domains } = signerSettings(
    {
      name: 'opendkim:one',
      options: { key: '/keys/%{d}', selector: 'all', bodyCanon: 'relaxed', lifetime: 2, signCondition: 'can_relay', digest: 'rsa-sha1' },
      domains: [
        {
          domain: 'A.test',
          options: {
            selector: 's',
            baseDomain: 'Test',
            headerCanon: 'relaxed',
            identity: 'me@a.test',
            bodyLengthLimit: true,
            copyHeaders: true,
          },
        },
      ],
    },
    rules,
  );
  const { selector, key, bodyCanonicalization, headerCanonicalization, lifetimeSeconds, condition, digest, baseDomain } = defaults;
  assert.deepEqual(
    [selector, key, bodyCanonicalization, headerCanonicalization, lifetimeSeconds, condition, digest, baseDomain],
    ['all', '/keys/%{d}', 'relaxed', 'simple', 7200, 'can_relay', 'rsa-sha1', undefined],
  );
  const own = domains.get('a.test')!;
  assert.deepEqual(
    [
      own.selector,
      own.key,
      own.baseDomain,
      own.headerCanonicalization,
      own.bodyCanonicalization,
      own.identity,
      own.hasBodyLength,
      own.copiesHeaders,
    ],
    ['s', '/keys/%{d}', 'test', 'relaxed', 'relaxed', 'me@a.test', true, true],
  );
});

test('MOD-03 a domain without selector or key, and a selector that could end a tag, are refused by name', () => {
  const read = (own: Record<string, unknown>) => () =>
    signerSettings({ name: 'dkim_sign', options: {}, domains: [{ domain: 'a.test', options: own }] }, rules);
  assert.throws(read({ key: '/k' }), /domain "a.test" has no Selector/);
  assert.throws(read({ selector: 's' }), /domain "a.test" has no Key/);
  assert.throws(read({ key: '/k', selector: 's; d=evil' }), /cannot use "s; d=evil" as Selector/);
});

test('MOD-03 keycache_size, pos_keycache_ttl and neg_keycache_ttl have the documented defaults', () => {
  assert.deepEqual(keyCacheSettings({}), { size: 2048, foundSeconds: 300, missingSeconds: 3600 });
  assert.deepEqual(keyCacheSettings({ keycacheSize: 5, posKeycacheTtl: 1, negKeycacheTtl: 2 }), {
    size: 5,
    foundSeconds: 1,
    missingSeconds: 2,
  });
});
