/*
 * `help`: the commands, made from their own declarations; of one command its usage, what it does, and examples.
 */
import { answer, refusal, type Operation } from '../operation.ts';
import { isAbsent } from './absent.ts';

export function helpOperation(all: () => readonly Operation[], unknown: (line: string) => string): Operation {
  return {
    words: ['help'],
    usage: 'help [command]',
    about: 'the commands, or the usage of one',
    examples: ['help config', 'help config set'],
    run(_server, args) {
      const wanted = args.join(' ').toLowerCase();
      const found = all()
        .filter(({ words }) => `${words.join(' ')} `.startsWith(wanted === '' ? '' : `${wanted} `))
        .sort(byUse);
      if (found.length === 0) return refusal(unknown(wanted));
      const exact = found.find(({ words }) => words.join(' ') === wanted);
      const width = Math.min(44, Math.max(...found.map(({ usage }) => usage.length)));
      const lines = found.flatMap(({ usage, about }) =>
        usage.length > width ? [usage, `${' '.repeat(width)}  ${about}`] : [`${usage.padEnd(width)}  ${about}`],
      );
      const examples = (exact?.examples ?? []).map((example) => `  for example: ${example}`);
      const note = wanted === '' ? ['Before any command: json or xml gives its answer for programs.'] : [];
      const data = found.map(({ words, usage, about, examples: some }) => ({
        command: words.join(' '),
        usage,
        about,
        examples: some ?? [],
      }));
      return { ...answer([...lines, ...examples, ...note].join('\n')), data: { commands: data } };
    },
  };
}

/** By the alphabet; what only says why it is not here comes last. */
function byUse(a: Operation, b: Operation): number {
  const late = Number(isAbsent(a)) - Number(isAbsent(b));
  return late === 0 ? (a.usage < b.usage ? -1 : 1) : late;
}
