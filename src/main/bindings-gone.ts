/*
 * Bindings that a new configuration has no more, and the mail that waits in them: for whoever put it into force (OUT-05).
 *
 * The one rule: the mail is counted before the configuration is in force, for right after it moves to the default binding. Only bindings with mail
 * are told, NAMED_MAX of them by name. Not here: the move (queue). Truth: rule OUT-05; docs/quirks.md.
 */
import { childrenNamed, type Resolver } from '#config';
import type { LoopAnswers } from '#control';
import { DEFAULT_BINDING } from '#intake';

const NAMED_MAX = 20;

/** Messages that wait, by the names of their bindings. */
type Waiting = Readonly<Record<string, number>>;

interface Change {
  readonly before: Resolver;
  readonly after: Resolver;
  readonly askLoops: (question: string, args: unknown) => Promise<LoopAnswers>;
}

/** A line for each binding that goes and has mail. */
export async function bindingsGone({ before, after, askLoops }: Change): Promise<string[]> {
  const stay = namesIn(after);
  const gone = [...namesIn(before)].filter((name) => !stay.has(name) && name !== DEFAULT_BINDING);
  if (gone.length === 0) return [];
  const { answers, silent } = await askLoops('bindings.waiting', { bindings: gone });
  const sums = new Map<string, number>();
  for (const part of answers.values() as Iterable<Waiting>)
    for (const [name, messages] of Object.entries(part)) sums.set(name, (sums.get(name) ?? 0) + messages);
  const found = [...sums].sort((a, b) => b[1] - a[1]);
  const goal = after.global().defaultBinding === 'suspended' ? 'is held (Default_Binding = suspended)' : 'is sent as its options say';
  const lines = found
    .slice(0, NAMED_MAX)
    .map(([name, messages]) => `Binding "${name}" is removed: ${counted(messages)} in it, which moves to the default binding and ${goal}`);
  const rest = found.slice(NAMED_MAX);
  if (rest.length > 0)
    lines.push(`${rest.length} more bindings are removed: ${counted(rest.reduce((sum, [, messages]) => sum + messages, 0))} in them`);
  return [...lines, ...silent.map((text) => `Mail of removed bindings is not counted: ${text}`)];
}

function counted(messages: number): string {
  return `mail waits (${messages} message${messages === 1 ? '' : 's'})`;
}

function namesIn({ snapshot: { root } }: Resolver): Set<string> {
  const nodes = [root, ...childrenNamed(root, 'Binding_Group')];
  return new Set(nodes.flatMap((node) => childrenNamed(node, 'Binding').map(({ instance }) => instance ?? '')));
}
