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
import { formatOf, inFormat } from './formats.ts';
import { answer, refusal, type Answer, type ConsoleSession, type Operation, type ServerPort } from './operation.ts';
import { queueOperations } from './queue/index.ts';
import { helpOperation } from './server/help.ts';
import { serverOperations } from './server/index.ts';
import { writeConfig } from './write-config.ts';

export { completeLine } from './complete.ts';
export { NamedCounters } from './server/named-counters.ts';
export { SmtpTraces } from './queue/smtp-traces.ts';
export type { Answer, ConsoleSession, LoopAnswers, ModuleLine, Operation, ServerPort, WhereAsked, WhereSet } from './operation.ts';

const help = helpOperation(() => operations, unknown);

export const operations: readonly Operation[] = [
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
  help,
  ...queueOperations,
  ...serverOperations,
  writeConfig,
];

/** So many commands are named to whoever typed the beginning, or one word, of a command. */
const NAMED_MAX = 24;

function unknown(line: string): string {
  const typed = line.toLowerCase().split(/\s+/);
  const names = operations.map((operation) => operation.words.join(' '));
  const beginning = operations.filter(({ words }) => words.length > typed.length && typed.every((word, i) => words[i] === word));
  if (beginning.length > 0) {
    const next = [...new Set(beginning.map(({ words }) => words.slice(typed.length).join(' ')))];
    const more = next.length > NAMED_MAX ? ', ...' : '';
    return `"${line}" is not a whole command: after it comes ${next.slice(0, NAMED_MAX).join(', ')}${more} ("help ${typed.join(' ')}" says more)`;
  }
  const nearest = nearestName(line, names);
  if (nearest !== undefined) return `"${line}" is no command here: did you mean "${nearest}"?`;
  const holding = operations.filter(({ words }) => words.includes(typed[0] ?? '')).map(({ words }) => `"${words.join(' ')}"`);
  return `"${line}" is no command here: ${holding.length > 0 && holding.length <= NAMED_MAX ? `there is ${holding.join(', ')}` : '"help" lists them'}`;
}

/** Finds the command of a line: the longest sequence of fixed words; `scope:instance` stands for a module's scope (CON-11). */
function findOperation(words: readonly string[]): Operation | undefined {
  const [first = '', ...more] = words.map((word) => word.toLowerCase());
  const plain = [first, ...more];
  const ofModule = [first.replace(/:.*$/s, ''), ...more];
  return operations
    .filter(({ words: fixed, isModule }) => fixed.every((word, i) => (isModule === true ? ofModule : plain)[i] === word))
    .sort((a, b) => b.words.length - a.words.length)[0];
}

/** Runs one line of a session. Whatever goes wrong becomes an answer. */
export async function runCommand(line: string, server: ServerPort, session: ConsoleSession): Promise<Answer> {
  const wanted = formatOf(line);
  if (wanted !== undefined) return inFormat(wanted.format, await runCommand(wanted.command, server, session));
  const words = line.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return answer('');
  const found = findOperation(words);
  if (!found) return refusal(unknown(line.trim()));
  try {
    const args = words.slice(found.words.length);
    // Roles see the command as it is understood, however it was typed.
    const command = [...(found.isModule === true ? [words[0] ?? '', ...found.words.slice(1)] : found.words), ...args].join(' ');
    const refused = await session.access.check({ command, namesFiles: found.namesFiles?.(args) === true });
    if (refused !== undefined) return refusal(refused);
    const rest = line.trim().replace(new RegExp(`^(?:\\S+\\s*){${found.words.length}}`), '');
    return await found.run(server, args, { session, rest });
  } catch (error) {
    return refusal(`${found.usage} failed: ${(error as Error).message}`);
  }
}
