/*
 * `spool import` and `spool import_poll`: brings in the mail of another spool, or of a folder of messages, and says how far that is.
 *
 * The one rule: it begins and goes on by itself (main/spool-import.ts); what it takes from where the caller says is done as the server's user: not
 * everybody may (access). Truth: section 5.1; SPL-12.
 */
import { isAbsolute } from 'node:path';
import { answer, refusal, type Answer, type Operation, type ServerPort } from '../operation.ts';
import { counted, dryRun, shown } from './words.ts';

/** Longer than a dry run reads. */
const DEADLINE_MS = 35_000;

interface Status {
  readonly path: string;
  readonly kind: 'spool' | 'folder';
  readonly imported: number;
  readonly failed: number;
  readonly isOver: boolean;
  readonly problems: readonly string[];
}

const begin: Operation = {
  words: ['spool', 'import'],
  usage: 'spool import <directory> [<concurrency> [suppress_trace_headers]] [--dry-run]',
  about:
    'take over the mail of another spool, or of a folder of messages (RFC 5322) in files; each leaves its place when it is queued here',
  examples: ['spool import /var/spool/old', 'spool import /var/tmp/messages 8 suppress_trace_headers --dry-run'],
  namesFiles: () => true,
  async run(server, args, { session }) {
    const { isDry, words } = dryRun(args);
    const [path, concurrency = '1', suppress, ...more] = words;
    const isWrong = !/^[1-9]\d?$/.test(concurrency) || (suppress !== undefined && suppress !== 'suppress_trace_headers') || more.length > 0;
    if (path === undefined || isWrong) return refusal(`Cannot import "${args.join(' ')}": expected ${begin.usage}`);
    if (!isAbsolute(path)) return refusal(`Cannot import "${shown(path)}": expected an absolute path`);
    const order = { path, workers: Number(concurrency), isTraced: suppress === undefined };
    if (isDry) return look(server, order);
    const { answers, silent } = await server.askLoops('spool.import', order);
    const problem = answers.has(0) ? (answers.get(0) as string | undefined) : silent.join(' ');
    if (problem !== undefined) return refusal(`Cannot import "${shown(path)}": ${shown(problem)}`);
    session.access.record(`spool import ${path}: begun`);
    return answer(`The import of ${shown(path)} has begun: "spool import_poll ${shown(path)}" says how far it is.`);
  },
};

interface Look {
  readonly path: string;
  readonly kind: 'spool' | 'folder';
  readonly messages: number;
  readonly recipients: number;
  readonly failed: number;
  readonly damaged: number;
  readonly each: readonly { name: string; sender: string; recipients: readonly string[]; recipientCount: number }[];
  readonly problems: readonly string[];
  readonly isOver: boolean;
}

async function look(server: ServerPort, order: { readonly path: string }): Promise<Answer> {
  const { answers, silent } = await server.askLoops('spool.import-look', order, DEADLINE_MS);
  const found = (answers.has(0) ? answers.get(0) : silent.join(' ')) as Look | string;
  if (typeof found === 'string') return refusal(`Cannot import "${shown(order.path)}": ${shown(found)}`);
  const { kind, path, messages, recipients, failed, damaged, each, problems } = found;
  const refused = [
    ...(failed > 0 ? [`${counted(failed, 'file')} would stay there.`] : []),
    ...(damaged > 0 ? [`${counted(damaged, 'place')} of the spool cannot be read and would be put aside there.`] : []),
  ];
  const lines = [
    `Would import ${counted(messages, 'message')} for ${counted(recipients, 'recipient')} from the ${kind} ${shown(path)}. Nothing was done.`,
    ...each.map((one) => {
      const more = one.recipientCount - one.recipients.length;
      return `  ${shown(one.name)} <${shown(one.sender)}> to ${one.recipients.map((to) => `<${shown(to)}>`).join(' ')}${more > 0 ? ` and ${more} more` : ''}`;
    }),
    ...(messages > each.length ? [`  and ${counted(messages - each.length, 'more message')}`] : []),
    ...refused,
    ...problems.map((problem) => `  ${shown(problem)}`),
    ...(failed + damaged > problems.length ? [`  and ${failed + damaged - problems.length} more`] : []),
    ...(found.isOver ? [] : ['There is more: the dry run has read for as long as it may, and an import would go on.']),
  ];
  return answer(lines.join('\n'), found);
}

const poll: Operation = {
  words: ['spool', 'import_poll'],
  usage: 'spool import_poll <directory>',
  about: 'how far an import is, and what could not be read',
  async run(server, [path, ...more]) {
    if (path === undefined || more.length > 0) return refusal(`Expected ${poll.usage}`);
    const { answers, silent } = await server.askLoops('spool.import-poll', { path });
    const status = [...answers.values()].find((value) => value !== undefined) as Status | undefined;
    if (status === undefined) return refusal([`No import of "${shown(path)}" is known since the start.`, ...silent].join('\n'));
    const { kind, imported, failed, isOver, problems } = status;
    const head = `Import of the ${kind} ${shown(status.path)}: ${isOver ? 'over' : 'under way'}; ${imported} messages imported, ${failed} could not be and stay there.`;
    return answer([head, ...problems.map((problem) => `  ${shown(problem)}`)].join('\n'), status);
  },
};

export const importOperations: readonly Operation[] = [begin, poll];
