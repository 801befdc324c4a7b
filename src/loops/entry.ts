/*
 * Where a thread's program is: the file beside the one that asks, as TypeScript or as built JavaScript.
 *
 * A worker that runs from source needs the same import condition as its parent, or `#room` would resolve to dist/.
 */

/** The URL of `name` beside the asking module, with the asking module's own ending (`.ts` from source, `.js` from dist). */
export function entryBeside(importMetaUrl: string, name: string): URL {
  const ending = importMetaUrl.replace(/[?#].*$/, '').endsWith('.ts') ? '.ts' : '.js';
  return new URL(`./${name}${ending}`, importMetaUrl);
}

/** Node's flags for a worker with this entry; undefined: as the parent was started. */
export function workerFlags(entry: URL): string[] | undefined {
  return entry.pathname.endsWith('.ts') ? ['-C', 'impetus-source', '--disable-warning=ExperimentalWarning'] : undefined;
}
