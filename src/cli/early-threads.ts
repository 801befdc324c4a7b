/*
 * The threads of the first event loop and of the log writer, begun before the configuration is read: they read their programs beside the main thread,
 * which reads its own.
 *
 * The one rule: they do nothing until the pool tells them what they are (loops: `PoolOptions.begun`), and die with a server that does not start. As root
 * they are begun only where root is allowed to stay: a thread that is there before root is given up would keep no capability (main: privileges.ts).
 */
import { Worker } from 'node:worker_threads';

/** Undefined from source, where programs of threads are not beside those of commands. */
export function beginThreads(): ReadonlyMap<number | 'writer', Worker> | undefined {
  if (!import.meta.url.endsWith('.js')) return undefined;
  return new Map<number | 'writer', Worker>([
    [0, begin('./loop-entry.js', 'loop 0')],
    ['writer', begin('./writer-entry.js', 'writer')],
  ]);
}

function begin(program: string, name: string): Worker {
  const worker = new Worker(new URL(program, import.meta.url), { name, workerData: { impetusLoop: 'later' } });
  worker.unref();
  // The pool starts another one, and says what is wrong.
  worker.on('error', () => undefined);
  return worker;
}
