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

test('RFC 6376 3.5: an identity of another domain than the one that signs is refused in the scope of a domain; domains are known by their A-labels', () => {
  const read = (own: Record<string, unknown>, options = {}) =>
    signerSettings(
      { name: 'opendkim', options, domains: [{ domain: 'B\u00fccher.test', options: { selector: 's', key: '/k', ...own } }] },
      rules,
    );
  for (const identity of ['x@evil.test', 'x@evilxn--bcher-kva.test', 'b\u00fccher.test'])
    assert.throws(() => read({ identity }), /cannot use ".*" as Identity: expected an address of xn--bcher-kva\.test/, identity);
  assert.throws(() => read({ identity: 'x@b\u00fccher.test', baseDomain: 'a.test' }), /expected an address of a\.test/);
  for (const identity of ['@xn--bcher-kva.test', 'x@news.B\u00fccher.test'])
    assert.equal(read({ identity }).domains.get('xn--bcher-kva.test')?.identity, identity);
  assert.equal(
    read({}, { identity: '@a.test' }).domains.get('xn--bcher-kva.test')?.identity,
    '@a.test',
    'inherited: left out when signing',
  );
});

test('MOD-03 keycache_size, pos_keycache_ttl and neg_keycache_ttl have the documented defaults', () => {
  assert.deepEqual(keyCacheSettings({}), { size: 2048, foundSeconds: 300, missingSeconds: 3600 });
  assert.deepEqual(keyCacheSettings({ keycacheSize: 5, posKeycacheTtl: 1, negKeycacheTtl: 2 }), {
    size: 5,
    foundSeconds: 1,
    missingSeconds: 2,
  });
});
