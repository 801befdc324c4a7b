/* Tests of event-loops.ts and of the stanzas of one loop.
 * The one rule: each listener is served by the loops of its pool, a Unix socket by one of them, and what is named but missing is said.
 * Facts: LSN-07, LSN-18, RT-01, RT-02, RT-03. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration, type Resolver } from '#config';
import { loopPlan, poolProblems } from './event-loops.ts';
import { resolverOf } from './site.ts';
import { esmtpStanzas } from './stanzas.ts';

function of(text: string): Resolver {
  const { snapshot, problems } = readConfiguration({ main: '/e', files: memoryFiles({ '/e': text }), searchPath: [] });
  assert.deepEqual(problems, []);
  return resolverOf(snapshot!);
}

test('RT-03 the pools of EventLoop stand side by side, each with its Concurrency, 64 loops at most', () => {
  const plan = loopPlan(of('EventLoop e { Concurrency = 3 } EventLoop f { Concurrency = 5 } EventLoop g { }'));
  assert.deepEqual(
    [plan.count, ...plan.pools],
    [9, ['e', { first: 0, count: 3 }], ['f', { first: 3, count: 5 }], ['g', { first: 8, count: 1 }]],
  );
  assert.equal(loopPlan(of('EventLoop e { Concurrency = 0 }')).count, 1);
  const crowded = loopPlan(of('EventLoop e { Concurrency = 60 } EventLoop f { Concurrency = 1000 } EventLoop g { Concurrency = 2 }'));
  assert.deepEqual([crowded.count, crowded.pools.get('f'), crowded.pools.has('g')], [64, { first: 60, count: 4 }, false]);
  assert.ok(loopPlan(of('')).count >= 1);
});

test('LSN-18 Event_Loop opens a listener on the loops of that pool alone, a Unix socket on one of them; a Listen overrides its listener', () => {
  const resolver = of(`EventLoop "a" { Concurrency = 1 } EventLoop "b" { Concurrency = 2 }
    ESMTP_Listener {
      Event_Loop = "B"
      Listen ":25" { }
      Listen ":26" { Event_Loop = "a" }
      Listen "/s" { }
      Listen ":27" { Event_Loop = "none" }
      Listen ":28" { Event_Loop = "" }
      Listen ":29" { Enable = false }
    }`);
  const plan = loopPlan(resolver);
  const servedBy = (address: string): number[] =>
    [0, 1, 2].filter((loop) => esmtpStanzas(resolver, { plan, loop }).some((stanza) => stanza.address === address && stanza.enable));
  assert.deepEqual([':25', ':26', '/s', ':27', ':28', ':29'].map(servedBy), [[1, 2], [0], [1], [0, 1, 2], [0, 1, 2], []]);
  assert.deepEqual(poolProblems(resolver, plan), [
    'ESMTP_Listener Listen ":27": Event_Loop "none" names no EventLoop that the server was started with: all loops serve it',
  ]);
});

test('LSN-07 RT-01 RT-02 Concurrency above 1 wants a Pool_Name that is a ThreadPool, of the site or predefined, and no more than it has', () => {
  const said = (listen: string, pools = ''): string[] => {
    const resolver = of(`${pools}\nESMTP_Listener { Listen ":587" { Events_Per_Iter = 20 ${listen} } }`);
    return poolProblems(resolver, loopPlan(resolver));
  };
  const where = 'ESMTP_Listener Listen ":587"';
  const pool = 'ThreadPool accept-pool { Concurrency = 4 }';
  assert.deepEqual(said('Concurrency = 4 Pool_Name = "accept-pool"', pool), []);
  assert.deepEqual(said('Concurrency = 4 Pool_Name = "accept-pool"'), [
    `${where}: Pool_Name "accept-pool" names no ThreadPool: the IO pool is used`,
  ]);
  assert.deepEqual(said('Concurrency = 4', pool), [`${where}: Concurrency = 4 without Pool_Name: the IO pool is used`]);
  assert.deepEqual(said('Concurrency = 5 Pool_Name = "accept-pool"', pool), [
    `${where}: Concurrency = 5 is more than the 4 of ThreadPool "accept-pool"`,
  ]);
  for (const name of ['IO', 'cpu', 'SwapIn', 'SwapOut', 'Unlink', 'Batch_Unlink', 'Close', 'SpoolIn'])
    assert.deepEqual(said(`Concurrency = 4 Pool_Name = "${name}"`), []);
  assert.deepEqual(said('Concurrency = 1'), []);
  assert.deepEqual(said('Concurrency = 4 Enable = false'), []);
});
