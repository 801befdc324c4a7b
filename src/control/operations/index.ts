/*
 * All console commands, and the one place that finds the right one for a line.
 *
 * The one rule: the longest sequence of fixed words wins; an unknown line names the nearest command (bounded edit distance).
 */
import { nearestName } from '#base';
import { configBegin, configBeginFromScratch } from './config-begin.ts';
import { configCommit } from './config-commit.ts';
import { configDiff } from './config-diff.ts';
import { configEval } from './config-eval.ts';
import { configGet } from './config-get.ts';
import { configHistory } from './config-history.ts';
import { configLocate } from './config-locate.ts';
import { configReload } from './config-reload.ts';
import { configReplay } from './config-replay.ts';
import { configRollback } from './config-rollback.ts';
import { configSet } from './config-set.ts';
import { configShow } from './config-show.ts';
import { configShowRecurse } from './config-showrecurse.ts';
import { configUndo } from './config-undo.ts';
import { configUnset } from './config-unset.ts';
import { configWriteback } from './config-writeback.ts';
import { authzId, authzRolesList } from './authz.ts';
import { answer, refusal, type Answer, type ConsoleSession, type Operation, type ServerPort } from './operation.ts';
import { paniclog, pid, reopenLogs, shutdown } from './process.ts';
import { active, delayed, domainAll, domains } from './queues.ts';
import { summary, summaryReset } from './summary.ts';
import { threads, threadsReset } from './threads.ts';
import { threadsRestart } from './threads-restart.ts';
import { version } from './version.ts';
import { writeConfig } from './write-config.ts';

export { completeLine } from './complete.ts';
export type { Answer, ConsoleSession, DomainLine, LoopAnswers, Operation, ServerPort } from './operation.ts';

const help: Operation = {
  words: ['help'],
  usage: 'help [command]',
  about: 'the commands, or the usage of one',
  run(_server, args) {
    const wanted = args.join(' ').toLowerCase();
    const found = operations.filter((operation) => operation.words.join(' ').startsWith(wanted));
    if (found.length === 0) return refusal(unknown(wanted));
    const width = Math.max(...found.map((operation) => operation.usage.length));
    return answer(found.map((operation) => `${operation.usage.padEnd(width)}  ${operation.about}`).join('\n'));
  },
};

export const operations: readonly Operation[] = [
  active,
  authzId,
  authzRolesList,
  configBegin,
  configBeginFromScratch,
  configCommit,
  configDiff,
  configEval,
  configGet,
  configHistory,
  configLocate,
  configReload,
  configReplay,
  configRollback,
  configSet,
  configShow,
  configShowRecurse,
  configUndo,
  configUnset,
  configWriteback,
  delayed,
  domainAll,
  domains,
  help,
  paniclog,
  pid,
  reopenLogs,
  shutdown,
  summary,
  summaryReset,
  threads,
  threadsReset,
  threadsRestart,
  version,
  writeConfig,
];

function unknown(line: string): string {
  const nearest = nearestName(
    line.toLowerCase(),
    operations.map((operation) => operation.words.join(' ')),
  );
  return `"${line}" is no command here${nearest ? `: did you mean "${nearest}"?` : ': "help" lists them'}`;
}

/** Runs one line of a session. Whatever goes wrong becomes an answer. */
export async function runCommand(line: string, server: ServerPort, session: ConsoleSession): Promise<Answer> {
  const words = line.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return answer('');
  const lower = words.map((word) => word.toLowerCase());
  const found = operations
    .filter((operation) => operation.words.every((word, i) => lower[i] === word))
    .sort((a, b) => b.words.length - a.words.length)[0];
  if (!found) return refusal(unknown(line.trim()));
  try {
    const args = words.slice(found.words.length);
    // Roles see the command as it is understood, however it was typed.
    const command = [...found.words, ...args].join(' ');
    const refused = await session.access.check({ command, namesFiles: found.namesFiles?.(args) === true });
    if (refused !== undefined) return refusal(refused);
    const rest = line.trim().replace(new RegExp(`^(?:\\S+\\s*){${found.words.length}}`), '');
    return await found.run(server, args, { session, rest });
  } catch (error) {
    return refusal(`${found.usage} failed: ${(error as Error).message}`);
  }
}
