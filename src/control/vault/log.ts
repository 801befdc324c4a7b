/*
 * The revisions of the repository, newest first.
 */
import type { WorkingCopy } from './working-copy.ts';

export interface Revision {
  readonly revision: number;
  readonly who: string;
  /** RFC 3339. */
  readonly at: string;
  readonly message: string;
}

/** At most `most` revisions that the working copy knows of; those that touched one of `files`, when some are named. */
export async function revisions(copy: WorkingCopy, files: readonly string[], most: number): Promise<Revision[]> {
  const cwd = copy.path;
  const order = (await copy.git.text({ cwd }, 'rev-list', '--first-parent', '--reverse', 'HEAD')).split('\n');
  const numbers = new Map(order.map((commit, i) => [commit, i + 1]));
  const form = '--format=%H%x1f%an%x1f%aI%x1f%B%x1e';
  const text = await copy.git.text({ cwd }, 'log', '--first-parent', '-n', String(most), form, 'HEAD', '--', ...files);
  return text
    .split('\x1e')
    .map((entry) => entry.replace(/^\n/, '').split('\x1f'))
    .filter(([commit]) => commit !== undefined && commit !== '')
    .map(([commit = '', who = '', at = '', message = '']) => ({ revision: numbers.get(commit) ?? 0, who, at, message: message.trim() }));
}
