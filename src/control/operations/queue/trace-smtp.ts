/*
 * `trace smtp`: records the conversations with next hops of a binding, a domain, or both, to a file or to be shown here.
 *
 * The one rule: a record never holds what we prove ourselves with, nor the text of messages (outbound sees to it). A file is one that the caller names:
 * not everybody may (access). Truth: section 5.1.
 */
import { isAbsolute } from 'node:path';
import { answer, refusal, type Operation } from '../operation.ts';
import { domainName, noBinding, shown } from './words.ts';

const add: Operation = {
  words: ['trace', 'smtp', 'add'],
  usage: 'trace smtp add <binding | *> <domain | *> [<file>]',
  about: 'record conversations with next hops: to a file, or for "trace smtp show"; passwords and texts of messages are left out',
  examples: ['trace smtp add * example.com /var/tmp/smtp.log'],
  namesFiles: (args) => args.length > 2,
  async run(server, args, { session }) {
    const [binding, domain, file, ...more] = args;
    if (binding === undefined || domain === undefined || more.length > 0)
      return refusal(`Cannot trace "${args.join(' ')}": expected ${add.usage}`);
    if (file !== undefined && !isAbsolute(file)) return refusal(`Cannot trace to "${shown(file)}": expected an absolute path`);
    const nobody = binding === '*' ? undefined : noBinding(session.config.resolver(), binding);
    if (nobody !== undefined) return refusal(`Cannot trace: ${nobody}`);
    const id = await server.smtpTraces.add(binding, domain === '*' ? '*' : domainName(domain), file);
    return typeof id === 'string' ? refusal(`Cannot add a tracer: ${shown(id)}`) : answer(`Registered smtp tracer #${id}`, { id });
  },
};

const list: Operation = {
  words: ['trace', 'smtp', 'list'],
  usage: 'trace smtp list',
  about: 'tracers, their numbers, and how much is in their files',
  async run(server) {
    const tracers = await server.smtpTraces.list();
    const rows = tracers.flatMap(({ id, binding, domain, file, size, lines, lost, problem }) => [
      `[${String(id).padStart(6)}]  binding: ${shown(binding)}`,
      `           domain: ${shown(domain)}`,
      file === undefined ? `            lines: ${lines}; "trace smtp show ${id}"` : `             file: ${shown(file)} @ ${size}`,
      ...(lost === 0 ? [] : [`             lost: ${lost} lines`]),
      ...(problem === undefined ? [] : [`          problem: ${shown(problem)}`]),
    ]);
    return answer(rows.length === 0 ? 'There are no smtp tracers.' : rows.join('\n'), { tracers });
  },
};

const show: Operation = {
  words: ['trace', 'smtp', 'show'],
  usage: 'trace smtp show <tracer id> [<lines>]',
  about: 'the last lines that a tracer recorded',
  async run(server, [id, most = '200', ...more]) {
    if (id === undefined || !/^\d{1,4}$/.test(most) || more.length > 0) return refusal(`Expected ${show.usage}`);
    const lines = await server.smtpTraces.show(Number(id));
    if (lines === undefined) return unknown(id);
    const last = lines.slice(-Math.max(1, Number(most)));
    return answer(last.length === 0 ? 'Nothing was said yet.' : last.join('\n'), { lines: last });
  },
};

const remove: Operation = {
  words: ['trace', 'smtp', 'remove'],
  usage: 'trace smtp remove <tracer id>',
  about: 'end a tracer; its file stays',
  async run(server, [id, ...more]) {
    if (id === undefined || more.length > 0) return refusal(`Expected ${remove.usage}`);
    return (await server.smtpTraces.remove(Number(id))) ? answer(`Removed smtp tracer #${id}`, { id: Number(id) }) : unknown(id);
  },
};

function unknown(id: string): ReturnType<typeof refusal> {
  return refusal(`There is no smtp tracer "${shown(id)}": "trace smtp list" shows those that there are`);
}

export const traceOperations: readonly Operation[] = [add, list, show, remove];
