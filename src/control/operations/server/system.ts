/*
 * `sysinfo` and `memory`: the machine, and where memory is.
 */
import { arch, cpus, release, totalmem, type } from 'node:os';
import { answer, type Operation } from '../operation.ts';
import { table } from './table.ts';

interface LoopMemory {
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly timers: number;
}

export const sysinfo: Operation = {
  words: ['sysinfo'],
  usage: 'sysinfo',
  about: 'version, product, operating system',
  run(server) {
    const { product, version, revision } = server.identity;
    const facts = {
      Version: `${version} r(${revision})`,
      'Product Name': product,
      'Node.js': process.versions.node,
      OpenSSL: process.versions.openssl,
      'OS Type': type(),
      'OS Release': release(),
      'OS Machine': arch(),
      Processors: cpus().length,
      Memory: `${Math.round(totalmem() / 1_048_576)} MB`,
    };
    return {
      ...answer(
        Object.entries(facts)
          .map(([name, value]) => `${`${name}:`.padEnd(14)}${value}`)
          .join('\n'),
      ),
      data: facts,
    };
  },
};

export const memory: Operation = {
  words: ['memory'],
  usage: 'memory',
  about: 'memory by thread, and of the process',
  async run(server) {
    const { answers, silent } = await server.askLoops('loop.memory', undefined);
    const mb = (bytes: number) => Number((bytes / 1_048_576).toFixed(1));
    const main = process.memoryUsage();
    const threads = [
      { name: 'main', ...main, timers: 0 },
      ...[...answers].map(([loop, value]) => ({ name: `loop ${loop}`, ...(value as LoopMemory) })),
    ];
    const rows = threads.map(({ name, heapUsed, heapTotal, external, arrayBuffers, timers }) => [
      name,
      mb(heapUsed),
      mb(heapTotal),
      // V8 counts the two at different moments.
      Math.max(0, mb(external - arrayBuffers)),
      mb(arrayBuffers),
      timers,
    ]);
    const lines = table(['Thread', 'Heap used MB', 'Heap MB', 'External MB', 'Buffers MB', 'Timers'], rows);
    const process_ = `Resident: ${mb(main.rss)} MB`;
    return { ...answer([...lines, process_, ...silent].join('\n')), data: { rss: main.rss, threads } };
  },
};
