/*
 * `search`: waiting messages by sender, recipient, domain, binding, header, context, age, last reply.
 *
 * The one rule: a search is paid for within bounds, and says what it cost; where it stopped is a cursor that goes on.
 * Truth: the issue's `search`; attack A64.
 */
import { FOUND_MAX, type Found, type MessageLine, type SearchCursor, type SearchQuestion } from '#desk';
import { answer, refusal, type Operation } from '../operation.ts';
import { domainName, duration, shown } from './words.ts';

const DEADLINE_MS = 30_000;
const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Words in quotation marks stay together. */
function wordsOf(rest: string): string[] {
  return [...rest.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map((match) => match[1]?.replace(/\\(.)/g, '$1') ?? match[2] ?? '');
}

function ageMs(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d{1,9})([smhd])?$/i.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (units[unit.toLowerCase()] ?? 1) * 1000;
}

type Draft = { -readonly [K in keyof SearchQuestion]?: SearchQuestion[K] };

/** Reads the criteria; a text is what is wrong. */
function questionOf(words: readonly string[]): SearchQuestion | string {
  const draft: Draft = {};
  for (let i = 0; i < words.length; i += 2) {
    const name = words[i]?.toLowerCase() ?? '';
    const value = words[i + 1];
    if (value === undefined) return `"${name}" needs a value`;
    if (name === 'header' || name === 'context') {
      const text = words[i + 2];
      if (text === undefined) return `"${name}" needs a name and a value`;
      if (name === 'header') draft.header = { name: value, value: text };
      else draft.context = { key: value, value: text };
      i += 1;
      continue;
    }
    const problem = criterion(draft, name, value);
    if (problem !== undefined) return problem;
  }
  const hasCriterion = Object.keys(draft).some((key) => !['limit', 'cursors'].includes(key));
  if (!hasCriterion) return 'there is nothing to look for';
  return { limit: 100, ...draft };
}

function criterion(draft: Draft, name: string, value: string): string | undefined {
  switch (name) {
    case 'sender':
    case 'recipient':
    case 'binding':
      draft[name] = value === '<>' ? '' : value;
      return undefined;
    case 'reply':
      draft.reply = value.includes('*') ? value : `*${value}*`;
      return undefined;
    case 'domain':
      draft.domain = value.includes('*') ? value.toLowerCase() : domainName(value);
      return undefined;
    case 'older':
    case 'younger': {
      const ms = ageMs(value);
      if (ms === undefined) return `"${value}" is no age: expected 90, 90s, 30m, 2h or 1d`;
      draft[name === 'older' ? 'olderMs' : 'youngerMs'] = ms;
      return undefined;
    }
    case 'state':
      if (value !== 'ready' && value !== 'delayed') return `"${value}" is no state: expected ready or delayed`;
      draft.state = value;
      return undefined;
    case 'limit':
      if (!/^\d{1,6}$/.test(value) || Number(value) < 1) return `"${value}" is no limit: expected a whole number from 1`;
      draft.limit = Math.min(Number(value), FOUND_MAX);
      return undefined;
    case 'cursor': {
      const cursors = cursorsOf(value);
      if (cursors === undefined) return 'that is no cursor of a search';
      draft.cursors = cursors;
      return undefined;
    }
    default:
      return `"${name}" is nothing to search by`;
  }
}

function cursorsOf(text: string): Record<number, SearchCursor> | undefined {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, [string, string, number]>;
    return Object.fromEntries(Object.entries(value).map(([loop, [binding, domain, at]]) => [Number(loop), { binding, domain, at }]));
  } catch {
    return undefined;
  }
}

function cursorText(parts: ReadonlyMap<number, Found>): string | undefined {
  const left = [...parts].flatMap(([loop, { cursor }]) =>
    cursor === undefined ? [] : [[loop, [cursor.binding, cursor.domain, cursor.at]]],
  );
  return left.length === 0 ? undefined : Buffer.from(JSON.stringify(Object.fromEntries(left as [number, unknown][]))).toString('base64url');
}

function lineOf({ binding, domain, state, sender, recipients, attempts, receivedAt, lastReply }: MessageLine, now: number): string[] {
  return recipients.flatMap(({ id, address }) => [
    `[${state === 'delayed' ? 'delayed' : 'active'}/${binding}] ${id} ${domain} ${duration(now - receivedAt)} old, ${attempts} attempts`,
    `  From: <${shown(sender)}> To: <${shown(address)}>${lastReply === undefined ? '' : `  Last: ${shown(lastReply)}`}`,
  ]);
}

const search: Operation = {
  words: ['search'],
  usage:
    'search [sender|recipient|domain|binding|reply <pattern>] [header <name> <pattern>] [context <key> <pattern>] [older|younger <age>] [state ready|delayed] [limit <n>] [cursor <c>]',
  about: 'waiting messages; * in a pattern stands for anything; header and context read from the spool, of what matches in all else',
  examples: [
    'search recipient *@example.com older 2h',
    'search sender bounces@* reply *spam*',
    'search domain example.com header X-Job "job 17*"',
  ],
  async run(server, _args, { rest }) {
    const question = questionOf(wordsOf(rest));
    if (typeof question === 'string') return refusal(`Cannot search: ${question}. ${search.usage}`);
    const { answers, silent } = await server.askLoops('queue.search', question, DEADLINE_MS);
    const parts = answers as ReadonlyMap<number, Found>;
    const messages = [...parts.values()].flatMap((part) => part.messages);
    const sum = (of: (part: Found) => number) => [...parts.values()].reduce((total, part) => total + of(part), 0);
    const [looked, read] = [sum((p) => p.looked), sum((p) => p.read)];
    const ms = Math.max(0, ...[...parts.values()].map((part) => part.ms));
    const rate = (count: number) => `${Math.round(count / Math.max(0.001, ms / 1000))} a second`;
    const reads = question.header === undefined && question.context === undefined ? '' : `; ${read} read from the spool, ${rate(read)}`;
    const cost = `${messages.reduce((total, { recipients }) => total + recipients.length, 0)} found; ${looked} looked at in ${duration(ms)}, ${rate(looked)}${reads}`;
    const cursor = cursorText(parts);
    const lost = [...parts.values()].some((part) => part.isCursorLost)
      ? ['The place where the last search stopped is gone: some messages of that queue may be missing here.']
      : [];
    const more = cursor === undefined ? [] : [`There is more to look at: add "cursor ${cursor}"`];
    const lines = messages.flatMap((message) => lineOf(message, server.now()));
    return answer([...lines, cost, ...lost, ...more, ...silent].join('\n'), { messages, looked, read, ms, cursor });
  },
};

export const searchOperations: readonly Operation[] = [search];
