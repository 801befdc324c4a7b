/**
 * The text that `config begin from scratch` starts with: what an empty file gives, spelt out.
 *
 * The one rule: it is made of what the declarations say, so that it changes nothing by itself.
 * Truth: CC-17, RT-01 (the predefined thread pools), RT-06.
 */
import { formatWord } from '#syntax';
import { declaredOptions } from '../declared/index.ts';
import type { OptionDeclaration } from '../declaration.ts';

const pools = { SwapOut: 5, SwapIn: 5, Unlink: 6, Batch_Unlink: 4, Close: 0, CPU: 4, IO: 50, SpoolIn: 1 } as const;

export function scratchText(): string {
  const options: readonly OptionDeclaration[] = declaredOptions;
  const format = options.find((option) => option.name === 'TimestampFormat')?.default;
  const flags = options.filter((option) => option.scopes.includes('Debug_Flags') && Array.isArray(option.default));
  return [
    ...(typeof format === 'string' ? [`TimestampFormat = ${formatWord(format, '"')}`] : []),
    'Debug_Flags {',
    ...flags.map((option) => `  ${option.name} = ( ${(option.default as readonly string[]).join(' ')} )`),
    '}',
    ...Object.entries(pools).map(([name, concurrency]) => `ThreadPool "${name}" {\n  Concurrency = ${concurrency}\n}`),
    '',
  ].join('\n');
}
