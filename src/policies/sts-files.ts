/**
 * Policies as files: one for each domain, in MTA_STS_Policy_Store.
 *
 * The one rule: a file is written beside its place and renamed, so that whoever reads sees a whole one; what cannot be read is no policy, what cannot be
 * written is said once and kept in memory only. The name of a file is the domain, which is checked first: it is a name and nothing else.
 * Truth: the manual's MTA-STS pages; RFC 8461 section 10.2.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toAsciiDomain } from '#base';
import type { KeptPolicy, PolicyFiles } from './sts-store.ts';

export const FILE_MAX = 128 * 1024;

export function policyFiles(o: {
  readonly folder: () => string;
  /** Differs between those who share the folder. */
  readonly tag: string;
  readonly tell: (text: string) => void;
}): PolicyFiles {
  let isTold = false;
  const placeOf = (domain: string): string | undefined => {
    const name = toAsciiDomain(domain);
    return name === undefined || name !== domain ? undefined : join(o.folder(), name);
  };
  const write = async (place: string, kept: KeptPolicy): Promise<void> => {
    await mkdir(o.folder(), { recursive: true, mode: 0o750 });
    const beside = `${place}.${o.tag}.new`;
    await writeFile(beside, JSON.stringify(kept), { mode: 0o640 });
    await rename(beside, place);
  };
  return {
    read(domain, done) {
      const place = placeOf(domain);
      if (place === undefined) return done(undefined);
      readFile(place, 'utf8').then(
        (text) => done(keptOf(text)),
        () => done(undefined),
      );
    },
    write(domain, kept) {
      const place = placeOf(domain);
      if (place === undefined) return;
      write(place, kept).catch((error: Error) => {
        if (!isTold) o.tell(`MTA-STS policies cannot be kept in ${o.folder()} and are in memory only: ${error.message}`);
        isTold = true;
      });
    },
  };
}

export function keptOf(text: string): KeptPolicy | undefined {
  try {
    if (text.length > FILE_MAX) return undefined;
    const { id, text: policy, fetchedAt } = JSON.parse(text) as Record<string, unknown>;
    const isWhole = typeof id === 'string' && typeof policy === 'string' && typeof fetchedAt === 'number';
    return isWhole ? { id, text: policy, fetchedAt } : undefined;
  } catch {
    return undefined;
  }
}
