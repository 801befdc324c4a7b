/**
 * The tree of a file's text, read once: a `config set` would otherwise read a big file three times, and a reload one that nobody has touched.
 *
 * The one rule: it goes by the bytes as an object, which nobody changes, and by the name in the tree's places. A tree is remembered as long as somebody
 * else holds it (the configuration in force does), so nothing is kept alive here. Editors take `copyOf`: an edit puts new statements into it.
 */
import { parseConf, type ConfFile } from '#syntax';

const trees = new WeakMap<Uint8Array, WeakRef<ConfFile>>();

export function parsedConf(bytes: Buffer, path: string): ConfFile {
  const known = trees.get(bytes)?.deref();
  if (known?.file === path) return known;
  const conf = parseConf(bytes, path);
  trees.set(bytes, new WeakRef(conf));
  return conf;
}

/** `conf` is what reading `bytes` would give. */
export function rememberConf(bytes: Buffer, conf: ConfFile): void {
  trees.set(bytes, new WeakRef(conf));
}

/** To be edited; statements are shared. */
export function copyOf(conf: ConfFile): ConfFile {
  return { ...conf };
}
