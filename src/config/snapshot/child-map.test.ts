/**
 * Children that are kept as what is different from an older map, held against a plain Map that does the same.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { namedChildren, PATTERNS } from './child-index.ts';
import { withChildren } from './child-map.ts';
import { emptyRoot, scopeNode, type ScopeNode } from './scope-node.ts';

const node = (instance: string): ScopeNode => scopeNode({ ...emptyRoot, scope: 'Domain', instance });
const key = fc.integer({ min: 0, max: 150 }).map((n) => `domain\0d${n}`);
const step = fc.record({ set: fc.uniqueArray(key, { maxLength: 6 }), gone: fc.uniqueArray(key, { maxLength: 3 }) });

test('any sequence of changes reads like a whole map that was changed in the same way, the order included', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let children: ReadonlyMap<string, ScopeNode> = new Map(Array.from({ length: 100 }, (_, n) => [`domain\0d${n}`, node(String(n))]));
      const expected = new Map(children);
      for (const [round, { set, gone }] of steps.entries()) {
        const before = [...children];
        const made = new Map(set.map((name) => [name, node(`${name} ${round}`)]));
        const next = withChildren(children, made, new Set(gone));
        assert.deepEqual([...children], before, 'the older one stays as it is');
        for (const name of gone) expected.delete(name);
        for (const [name, child] of made) expected.set(name, child);
        assert.deepEqual([...next], [...expected]);
        assert.deepEqual([...next.keys()], [...expected.keys()]);
        assert.deepEqual([...next.values()], [...expected.values()]);
        assert.equal(next.size, expected.size);
        for (let n = 0; n <= 150; n += 1) assert.equal(next.get(`domain\0d${n}`), expected.get(`domain\0d${n}`));
        assert.equal(next.has('domain\0nobody'), false);
        const seen: string[] = [];
        next.forEach((_child, name) => seen.push(name));
        assert.deepEqual(seen, [...expected.keys()]);
        children = next;
      }
    }),
    { numRuns: 200 },
  );
});

test('children by the name of their scope are those that a look at each would find, in the same array each time', () => {
  const keys = fc
    .constantFrom('domain\0', 'domain\0/', 'binding\0', 'peer')
    .chain((scope) => fc.integer({ min: 0, max: 60 }).map((n) => (scope === 'peer' ? scope : `${scope}d${n}`)));
  const change = fc.record({ set: fc.uniqueArray(keys, { maxLength: 4 }), gone: fc.uniqueArray(keys, { maxLength: 2 }) });
  const look = (children: ReadonlyMap<string, ScopeNode>, scope: string): ScopeNode[] =>
    [...children]
      .filter(([name]) => name === scope || name.startsWith(scope.endsWith('/') ? scope : `${scope}\0`))
      .map(([, child]) => child);
  fc.assert(
    fc.property(fc.array(change, { maxLength: 20 }), (changes) => {
      let children: ReadonlyMap<string, ScopeNode> = new Map(
        Array.from({ length: 100 }, (_, n) => [`${n % 2 ? 'domain' : 'binding'}\0d${n}`, node(`${n}`)]),
      );
      for (const [round, { set, gone }] of changes.entries()) {
        children = withChildren(children, new Map(set.map((name) => [name, node(`${name} ${round}`)])), new Set(gone));
        for (const scope of ['domain', 'binding', 'peer', 'host', `domain${PATTERNS}`]) {
          const found = namedChildren(children, scope);
          assert.deepEqual(found, look(children, scope), scope);
          assert.equal(namedChildren(children, scope), found);
        }
      }
    }),
    { numRuns: 100 },
  );
});
