/*
 * `spool import` and `spool import_poll`: brings in the mail of another spool, or of a folder of messages, and says how far that is.
 *
 * The one rule: it begins and goes on by itself (main/spool-import.ts); what it takes from where the caller says is done as the server's user: not
 * everybody may (access). Truth: section 5.1; SPL-12.
 */
import { isAbsolute } from 'node:path';
import { answer, refusal, type Operation } from '../operation.ts';
import { shown } from './words.ts';

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
  usage: 'spool import <directory> [<concurrency> [suppress_trace_headers]]',
  about:
    'take over the mail of another spool, or of a folder of messages (RFC 5322) in files; each leaves its place when it is queued here',
  examples: ['spool import /var/spool/old', 'spool import /var/tmp/messages 8 suppress_trace_headers'],
  namesFiles: () => true,
  async run(server, args, { session }) {
    const [path, concurrency = '1', suppress, ...more] = args;
    const isWrong = !/^[1-9]\d?$/.test(concurrency) || (suppress !== undefined && suppress !== 'suppress_trace_headers') || more.length > 0;
    if (path === undefined || isWrong) return refusal(`Cannot import "${args.join(' ')}": expected ${begin.usage}`);
    if (!isAbsolute(path)) return refusal(`Cannot import "${shown(path)}": expected an absolute path`);
    const order = { path, workers: Number(concurrency), isTraced: suppress === undefined };
    const { answers, silent } = await server.askLoops('spool.import', order);
    const problem = answers.has(0) ? (answers.get(0) as string | undefined) : silent.join(' ');
    if (problem !== undefined) return refusal(`Cannot import "${shown(path)}": ${shown(problem)}`);
    session.access.record(`spool import ${path}: begun`);
    return answer(`The import of ${shown(path)} has begun: "spool import_poll ${shown(path)}" says how far it is.`);
  },
};

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
