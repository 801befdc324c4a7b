/*
 * `cache list`, `cache stat`, `cache stats`: the caches of all loops, added up by name.
 *
 * Names are the manual's where they mean the same thing (config:match); the others are ours. Truth: rules on cache_list, cache_stat.
 */
import { answer, refusal, type Answer, type Operation, type ServerPort } from '../operation.ts';
import { gathered, table } from './table.ts';

interface Cache {
  readonly name: string;
  readonly capacity: number;
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
}

async function caches(server: ServerPort): Promise<{ caches: Cache[]; silent: readonly string[] }> {
  const { answers, silent } = await server.askLoops('loop.caches', undefined);
  const sums = new Map<string, Cache>();
  for (const { name, capacity, entries, hits, misses } of gathered<Cache>(answers)) {
    const sum = sums.get(name) ?? { name, capacity: 0, entries: 0, hits: 0, misses: 0 };
    sums.set(name, {
      name,
      capacity: sum.capacity + capacity,
      entries: sum.entries + entries,
      hits: sum.hits + hits,
      misses: sum.misses + misses,
    });
  }
  return { caches: [...sums.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), silent };
}

const percent = (part: number, whole: number) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`);

export const cacheList: Operation = {
  words: ['cache', 'list'],
  usage: 'cache list',
  about: 'the names of all caches',
  async run(server) {
    const found = await caches(server);
    const names = found.caches.map(({ name }) => name);
    return { ...answer([...names, ` ${names.length} caches listed.`, ...found.silent].join('\n')), data: { caches: names } };
  },
};

export const cacheStat: Operation = {
  words: ['cache', 'stat'],
  usage: 'cache stat <cache>',
  about: 'all figures of one cache',
  async run(server, [name, ...more]) {
    const found = await caches(server);
    const cache = found.caches.find((one) => one.name === name);
    if (cache === undefined || more.length > 0)
      return refusal(`There is no cache "${[name, ...more].filter(Boolean).join(' ')}": ${found.caches.map((one) => one.name).join(', ')}`);
    const lookups = cache.hits + cache.misses;
    const rows = [
      ['Name', cache.name],
      ['Capacity', cache.capacity],
      ['Entries', cache.entries],
      ['Utilization', percent(cache.entries, cache.capacity)],
      ['Loads', `${lookups} (Hits ${cache.hits} Misses ${cache.misses})`],
      ['Hit Rate', percent(cache.hits, lookups)],
    ];
    return { ...answer([...rows.map(([title, value]) => `${`${title}:`.padEnd(14)}${value}`), ...found.silent].join('\n')), data: cache };
  },
};

export const cacheStats: Operation = {
  words: ['cache', 'stats'],
  usage: 'cache stats [cache ...]',
  about: 'short figures of some or all caches',
  async run(server, wanted): Promise<Answer> {
    const found = await caches(server);
    const unknown = wanted.filter((name) => !found.caches.some((one) => one.name === name));
    if (unknown.length > 0) return refusal(`There is no cache "${unknown.join(' ')}": ${found.caches.map((one) => one.name).join(', ')}`);
    const shown = found.caches.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
    const rows = shown.map(({ name, capacity, entries, hits, misses }) => [
      name,
      capacity,
      entries,
      hits,
      misses,
      percent(hits, hits + misses),
    ]);
    const lines = table(['Name', 'Capacity', 'Entries', 'Hits', 'Misses', 'Hit Rate'], rows);
    return { ...answer([...lines, ...found.silent].join('\n')), data: { caches: shown } };
  },
};
