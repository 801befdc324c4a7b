/*
 * What commands about queues have in common: names as they are typed, what strangers wrote made safe to show, times and sums.
 *
 * The one rule: everything that a peer or a sender chose goes through shown() before it stands in an answer (A74, A75).
 */
import { toAsciiDomain } from '#base';
import { childrenNamed, type Resolver } from '#config';
import type { QueueLine, QueueLines, Which } from '#desk';
import { escapeText } from '#observe';
import type { ServerPort, WhereSet } from '../operation.ts';

/** Bindings that an answer names. */
const NAMED_MAX = 10;

export function shown(text: string): string {
  return escapeText(text);
}

/** Takes `--dry-run` out of the words. */
export function dryRun(args: readonly string[]): { readonly isDry: boolean; readonly words: readonly string[] } {
  const words = args.filter((word) => word !== '--dry-run');
  return { isDry: words.length < args.length, words };
}

/** Scope, file and line of a value; the default has none. */
export function placeOf({ scope, file, line, isUnsaved }: WhereSet): string {
  if (file === undefined) return 'the default';
  return `${scope}, ${file}:${line}${isUnsaved ? ' (set at the console, not saved yet)' : ''}`;
}

/** `1 message`, `2 messages`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `3 messages in 1 queue`. */
export function inQueues(messages: number, queues: number): string {
  return `${counted(messages, 'message')} in ${counted(queues, 'queue')}`;
}

/** The name of a queue as it is kept: an international domain may be typed as it is written. */
export function domainName(typed: string): string {
  return toAsciiDomain(typed) ?? typed.toLowerCase();
}

/** A binding of the configuration, with its group. */
export function bindingOf({ snapshot }: Resolver, name: string): { group: string; binding: string } | undefined {
  if (name === 'default') return { group: 'default', binding: 'default' };
  const group = childrenNamed(snapshot.root, 'Binding_Group').find((node) => namesOf(node).includes(name));
  if (group !== undefined) return { group: group.instance ?? '', binding: name };
  return namesOf(snapshot.root).includes(name) ? { group: 'default', binding: name } : undefined;
}

type Root = Resolver['snapshot']['root'];

function namesOf(node: Root): readonly string[] {
  return childrenNamed(node, 'Binding').map(({ instance }) => instance ?? '');
}

/**
 * What is wrong with the name of a binding behind which nothing was found; undefined when the configuration has it. One that was removed may still
 * have mail: so this is asked last.
 */
export function noBinding(resolver: Resolver, name: string): string | undefined {
  if (bindingOf(resolver, name) !== undefined) return undefined;
  const { root } = resolver.snapshot;
  const groups = childrenNamed(root, 'Binding_Group');
  const members = groups.find(({ instance }) => instance === name);
  if (members !== undefined) return `"${shown(name)}" is a group, expected a binding: ${namesOf(members).slice(0, NAMED_MAX).join(', ')}`;
  const alike = ['default', ...namesOf(root), ...groups.flatMap(namesOf)].find((one) => one.toLowerCase() === name.toLowerCase());
  return `there is no binding "${shown(name)}": ${alike === undefined ? '"config locate binding" lists them' : `did you mean "${alike}"?`}`;
}

/** The manual's form, in universal time and marked as such. */
export function when(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

interface AllLines extends QueueLines {
  readonly silent: readonly string[];
}

/** Queues of all loops, in the order of their names. */
export async function queueLines(server: ServerPort, which: Which & { limit?: number } = {}): Promise<AllLines> {
  const { answers, silent } = await server.askLoops('queue.lines', which);
  const parts = [...answers.values()] as QueueLines[];
  const totals = { connections: 0, active: 0, delayed: 0, sent: 0, received: 0, failed: 0, deferred: 0, resident: 0 };
  for (const part of parts) for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += part.totals[key];
  const lines = parts.flatMap((part) => part.lines).sort(byName);
  const queues = parts.reduce((sum, part) => sum + part.queues, 0);
  const cut = lines.length < queues && which.limit === undefined ? [`${queues - lines.length} smaller queues are not listed.`] : [];
  return { lines, queues, totals, silent: [...cut, ...silent] };
}

function byName(a: QueueLine, b: QueueLine): number {
  const [x, y] = [`${a.group}\0${a.binding}\0${a.domain}`, `${b.group}\0${b.binding}\0${b.domain}`];
  return x < y ? -1 : x > y ? 1 : 0;
}
