/**
 * Snapshots as persistent trees, and the changes between them.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { memoryFiles } from '../files/memory-files.ts';
import { readConfiguration } from '../read-configuration.ts';
import { applyChanges, changesBetween, sharing } from './changes.ts';
import { moduleInstances } from './modules.ts';
import { childrenNamed, type ScopeNode, type Snapshot } from './scope-node.ts';

function snapshot(text: string, previous?: Snapshot): Snapshot {
  const read = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [], previous });
  assert.deepEqual(
    read.problems.map((problem) => problem.message),
    [],
  );
  assert.ok(read.snapshot);
  return read.snapshot;
}

/** Everything but places and what was written, with the order of children. */
function plain(node: ScopeNode): unknown {
  return {
    scope: node.scope,
    instance: node.instance,
    options: [...node.options].map(([name, option]) => [name, option.name, option.key, option.value]).sort(),
    children: [...node.children].map(([key, child]) => [key, plain(child)]),
  };
}

function travel(before: Snapshot | undefined, after: Snapshot): Snapshot {
  return applyChanges(before, structuredClone(changesBetween(before, after)));
}

test('a thread that has nothing yet gets the whole tree as changes, through postMessage', () => {
  const after = snapshot(
    'Max_Retries = 1 Binding b { Domain d.test { Gateway = "[::1]:25" Outbound_Throttle_Messages = 3/60 } } Accept_Unimplemented = ( Outbound_Throttle_Messages )',
  );
  const there = travel(undefined, after);
  assert.deepEqual(plain(there.root), plain(after.root));
  assert.equal(there.version, after.version);
});

test('between two snapshots travel only the scopes that are different, and all else is shared', () => {
  const many = Array.from({ length: 500 }, (_, index) => `Domain d${index}.test { Max_Retries = 1 }\n`).join('');
  const one = snapshot(many);
  const two = snapshot(`${many}Domain d7.test { Max_Retries = 2 }`, one);
  const changes = changesBetween(one, two);
  assert.deepEqual(
    changes.changes.map((change) => change.path),
    [['domain\0d7.test']],
  );
  const there = travel(one, two);
  assert.deepEqual(plain(there.root), plain(two.root));
  assert.equal(there.root.children.get('domain\0d8.test'), one.root.children.get('domain\0d8.test'));
  assert.notEqual(there.root.children.get('domain\0d7.test'), one.root.children.get('domain\0d7.test'));
});

test('a line that moves is no change, and an equal text shares the whole tree', () => {
  const one = snapshot('Max_Retries = 1 Domain a.test { Max_Retries = 2 }');
  const moved = snapshot('# a comment\nMax_Retries = 1 Domain a.test { Max_Retries = 2 }', one);
  assert.deepEqual(changesBetween(one, moved).changes, []);
  assert.equal(moved.root.options.get('max_retries')?.at.line, 2);
  assert.equal(snapshot('Max_Retries = 1 Domain a.test { Max_Retries = 2 }', one).root, one.root);
});

test('the order of children survives, because regex domains are tried in it (FB-10)', () => {
  const one = snapshot('Domain "/a/" { } Domain "/c/" { }');
  const two = snapshot('Domain "/c/" { } Domain "/b/" { } Domain "/a/" { }');
  assert.deepEqual(plain(travel(one, { ...two, version: 2 }).root), plain(two.root));
});

test('removing a scope removes what is in it, and changes for another version are refused', () => {
  const one = snapshot('Binding_Group g { Binding b { Max_Retries = 1 } } Max_Retries = 2');
  const two = snapshot('Max_Retries = 2', one);
  assert.deepEqual(changesBetween(one, two).changes, [{ kind: 'removed', path: ['binding_group\0g'] }]);
  assert.equal(travel(one, two).root.children.size, 0);
  assert.throws(() => applyChanges(two, changesBetween(one, two)), RangeError);
});

test('applying the changes between any two configurations to the first gives the second', () => {
  const name = fc.constantFrom('a', 'b', 'c', '/x/', '/y/');
  const option = fc.constantFrom('Max_Retries = 1', 'Max_Retries = 2', 'Retry_Interval = 3', 'Gateway = "h"');
  const domain = fc.tuple(name, fc.array(option, { maxLength: 2 })).map(([of, list]) => `Domain "${of}" { ${list.join(' ')} }`);
  const inside = fc.array(fc.oneof(domain, option), { maxLength: 5 }).map((list) => list.join('\n'));
  const binding = fc.tuple(name, inside).map(([of, body]) => `Binding "${of}" { ${body} }`);
  const group = fc.tuple(name, fc.array(binding, { maxLength: 3 })).map(([of, body]) => `Binding_Group "${of}" { ${body.join(' ')} }`);
  const text = fc.array(fc.oneof(domain, binding, group, option), { maxLength: 8 }).map((list) => list.join('\n'));
  fc.assert(
    fc.property(text, text, (first, second) => {
      const one = snapshot(first);
      const two = snapshot(second, one);
      assert.deepEqual(plain(travel(one, two).root), plain(two.root));
      assert.deepEqual(plain(sharing(one.root, two.root)), plain(two.root));
    }),
  );
});

test('nodes are frozen, and modules read their stanzas with defaults over them', () => {
  const one = snapshot('ec_logger "a" { mainlog = "/m" } ec_logger "b" { Enabled = false Debug_Level = info }');
  assert.ok(Object.isFrozen(one.root));
  assert.equal(childrenNamed(one.root, 'EC_LOGGER').length, 2);
  const [a, b] = moduleInstances(one, 'ec_logger');
  assert.equal(a?.options['mainlog'], '/m');
  assert.equal(a?.options['paniclog'], '/var/log/ecelerity/paniclog.ec');
  assert.deepEqual([a?.instance, a?.isEnabled, b?.isEnabled, b?.debugLevel], ['a', true, false, 'INFO']);
});
