/*
 * The event loops of a site: how many there are, which EventLoop pool each belongs to, and which of them serve a listener.
 *
 * The one rule: the plan is made once, when the server starts, because threads cannot change their number (RT-03); a listener may move between
 * the pools of that plan at any time. The pools stand side by side in the order of the text; together they have LOOPS_MAX loops at most.
 * A listener without Event_Loop is served by all loops, one that names a pool by the loops of that pool (LSN-18).
 * Not here: starting threads (loops). Also said here: what a listener asks of accepting threads and cannot have (LSN-07).
 */
import { childrenNamed, type Resolver } from '#config';

const LOOPS_MAX = 64;

/** ThreadPools that exist without a stanza (RT-01). */
const PREDEFINED_POOLS = ['SwapOut', 'SwapIn', 'Unlink', 'Batch_Unlink', 'Close', 'CPU', 'IO', 'SpoolIn'];

interface PoolPlace {
  readonly first: number;
  readonly count: number;
}

export interface LoopPlan {
  readonly count: number;
  /** By the pool's name in lower case. */
  readonly pools: ReadonlyMap<string, PoolPlace>;
}

/** Without any EventLoop a core is left to everything else. */
export function loopPlan(resolver: Resolver): LoopPlan {
  const pools = new Map<string, PoolPlace>();
  let count = 0;
  for (const [name, { concurrency = 1 }] of resolver.eventLoops()) {
    const own = Math.min(LOOPS_MAX - count, Math.max(1, concurrency));
    if (own <= 0) break;
    pools.set(name.toLowerCase(), { first: count, count: own });
    count += own;
  }
  return { count: count > 0 ? count : Math.min(LOOPS_MAX, Math.max(1, availableCores() - 1)), pools };
}

function availableCores(): number {
  return Number(process.env['EC_CORES']) || navigator.hardwareConcurrency;
}

/** Whether a loop opens the socket of a listener. A Unix socket has one owner: it cannot be shared. */
export function serves(
  plan: LoopPlan,
  loop: number,
  listen: { readonly address: string; readonly eventLoop: string | undefined },
): boolean {
  const pool = plan.pools.get(listen.eventLoop?.toLowerCase() ?? '') ?? { first: 0, count: plan.count };
  if (listen.address.startsWith('/')) return loop === pool.first;
  return loop >= pool.first && loop < pool.first + pool.count;
}

/** What listeners ask for and do not get, one sentence each: pools that are not there (LSN-07: each a critical line; LSN-18). */
export function poolProblems(resolver: Resolver, plan: LoopPlan): string[] {
  const threads = new Map<string, number>();
  for (const pool of PREDEFINED_POOLS) threads.set(pool.toLowerCase(), Number.POSITIVE_INFINITY);
  for (const node of childrenNamed(resolver.snapshot.root, 'ThreadPool')) {
    const concurrency = [...node.options.values()].find((option) => option.key === 'concurrency')?.value;
    threads.set((node.instance ?? '').toLowerCase(), typeof concurrency === 'number' ? concurrency : Number.POSITIVE_INFINITY);
  }
  const found: string[] = [];
  for (const scope of ['ESMTP_Listener', 'Control_Listener']) {
    for (const node of childrenNamed(resolver.snapshot.root, scope)) {
      for (const { instance = '' } of childrenNamed(node, 'Listen')) {
        const o = resolver.listening({ listener: scope.toLowerCase(), listen: instance });
        const where = `${scope} Listen "${instance}"`;
        const missing = o.enable ? missingThreads(o, threads) : undefined;
        if (missing !== undefined) found.push(`${where}: ${missing}`);
        if (o.enable && o.eventLoop !== undefined && o.eventLoop !== '' && !plan.pools.has(o.eventLoop.toLowerCase()))
          found.push(`${where}: Event_Loop "${o.eventLoop}" names no EventLoop that the server was started with: all loops serve it`);
      }
    }
  }
  return found;
}

interface AcceptOptions {
  readonly concurrency: number | undefined;
  readonly poolName: string | undefined;
}

function missingThreads({ concurrency = 0, poolName = '' }: AcceptOptions, threads: ReadonlyMap<string, number>): string | undefined {
  if (concurrency <= 1) return undefined;
  const most = threads.get(poolName.toLowerCase());
  if (poolName === '') return `Concurrency = ${concurrency} without Pool_Name: the IO pool is used`;
  if (most === undefined) return `Pool_Name "${poolName}" names no ThreadPool: the IO pool is used`;
  return concurrency > most ? `Concurrency = ${concurrency} is more than the ${most} of ThreadPool "${poolName}"` : undefined;
}
