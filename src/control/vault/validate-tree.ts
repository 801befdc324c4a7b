/*
 * Whether every node could start with a tree: each of its main files is read as that node reads it.
 *
 * The one rule: the same reading as the server's own (readConfiguration), so that what is committed is what will load. A first-level folder
 * that is neither `global` nor `default` is a node's (CFG-20); `running` holds what `put running` saved and is not read by anybody.
 * Truth: CFG-20, CFG-21, ECC-09. Not here: who may override the judgement (commit.ts).
 */
import { join } from 'node:path';
import { formatConfigProblem, MAIN_FILE_NAME, readConfiguration } from '#config';
import { compileRegex } from '#system';
import { treeFiles, type TreeContent } from './tree-files.ts';

/** The folder of `put running`. */
export const RUNNING_FOLDER = 'running';

/** Problems of all main files, each told once, with its line; none when the tree is good, or holds no main file at all. */
export function treeProblems(root: string, content: TreeContent): string[] {
  const files = treeFiles(root, content);
  const problems = new Set<string>();
  for (const { main, searchPath } of mains(root, content)) {
    const read = readConfiguration({ main, files, searchPath, compileRegex });
    for (const problem of read.problems) problems.add(formatConfigProblem(problem, read.fileAt(problem.at)));
  }
  return [...problems];
}

function mains(root: string, content: TreeContent): { main: string; searchPath: string[] }[] {
  const folders = new Set<string>();
  for (const path of content.keys()) if (path.includes('/')) folders.add(path.slice(0, path.indexOf('/')));
  for (const shared of ['global', 'default', RUNNING_FOLDER]) folders.delete(shared);
  const found: { main: string; searchPath: string[] }[] = [];
  if (content.has(MAIN_FILE_NAME)) found.push({ main: join(root, MAIN_FILE_NAME), searchPath: [root] });
  const seen = new Set<string>();
  for (const node of [...folders, undefined]) {
    const order = node === undefined ? ['global', 'default'] : ['global', node, 'default'];
    const home = order.find((folder) => content.has(`${folder}/${MAIN_FILE_NAME}`));
    // A node's folder without a main file of any kind belongs to the tree's own main file, or holds other things.
    if (home === undefined) continue;
    const key = `${home}:${order.join(':')}`;
    if (seen.has(key)) continue;
    seen.add(key);
    found.push({ main: join(root, home, MAIN_FILE_NAME), searchPath: order.map((folder) => join(root, folder)) });
  }
  return found;
}
