/*
 * What ec_log_trace is asked for: its options as conditions on lines.
 *
 * The one rule: an option may be given several times, any of its values will do; different options must all hold. A condition that a
 * line has no value for does not hold. Patterns are PCRE. Truth: CLI-03.
 */
import { parseArgs } from 'node:util';
import { compilePcre } from '#system';
import type { LineKind, LogLine } from './lines.ts';

type Test = (text: string) => boolean;

interface KeyTest {
  readonly isKey: Test;
  readonly isValue: Test | undefined;
}

export interface Wish {
  readonly kinds: ReadonlySet<LineKind> | undefined;
  readonly from: readonly Test[];
  readonly fromDomain: readonly Test[];
  readonly to: readonly Test[];
  readonly toDomain: readonly Test[];
  readonly sourceIp: readonly Test[];
  readonly targetIp: readonly Test[];
  readonly binding: readonly Test[];
  readonly group: readonly Test[];
  readonly ids: ReadonlySet<string> | undefined;
  readonly connection: readonly KeyTest[];
  readonly message: readonly KeyTest[];
  readonly start: number;
  readonly end: number;
  readonly isMainOnly: boolean;
  readonly isCount: boolean;
  readonly isDate: boolean;
  readonly isXml: boolean;
  readonly isVerbose: boolean;
  readonly isHelp: boolean;
  readonly output: { readonly path: string; readonly isAppended: boolean } | undefined;
  readonly files: readonly string[];
}

const texts = ['from', 'from-domain', 'to', 'to-domain', 'src-ip', 'dst-ip', 'binding', 'binding-group', 'vctx-conn', 'vctx-mess'] as const;
const flags = [
  'count',
  'date',
  'main',
  'xml',
  'append',
  'regex',
  'in',
  'reception',
  'out',
  'delivery',
  'tran',
  'transient',
  'perm',
  'permanent',
] as const;

/** Throws an Error with a sentence. */
export function parseWish(words: readonly string[]): Wish {
  const text = { type: 'string', multiple: true } as const;
  const parsed = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      ...Object.fromEntries(texts.flatMap((name) => [name, `${name}-regex`].map((one) => [one, text]))),
      ...Object.fromEntries(flags.map((name) => [name, { type: 'boolean' } as const])),
      id: text,
      start: { type: 'string' },
      end: { type: 'string' },
      output: { type: 'string' },
      verbose: { type: 'boolean', short: 'v' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const { positionals } = parsed;
  const values: Readonly<Record<string, string | boolean | string[] | undefined>> = parsed.values;
  const is = (name: string): boolean => values[name] === true;
  const given = (name: string): string[] => (values[name] as string[] | undefined) ?? [];
  const isFoldedBy = (name: string): boolean => !name.startsWith('binding') && !name.startsWith('vctx');
  const tests = (name: string): Test[] => [
    ...given(name).map((value) => (is('regex') ? pattern(name, value) : exactly(value, isFoldedBy(name)))),
    ...given(`${name}-regex`).map((value) => pattern(name, value)),
  ];
  const keys = (name: string): KeyTest[] => [
    ...given(name).map((value) => keyTest(value, (part) => exactly(part, false))),
    ...given(`${name}-regex`).map((value) => keyTest(value, (part) => pattern(name, part))),
  ];
  if (is('append') && values['output'] === undefined) throw new Error('--append needs --output=FILE');
  const output = values['output'] as string | undefined;
  return {
    kinds: kindsOf(is),
    from: tests('from'),
    fromDomain: tests('from-domain'),
    to: tests('to'),
    toDomain: tests('to-domain'),
    sourceIp: tests('src-ip'),
    targetIp: tests('dst-ip'),
    binding: tests('binding'),
    group: tests('binding-group'),
    ids: values['id'] === undefined ? undefined : new Set(given('id')),
    connection: keys('vctx-conn'),
    message: keys('vctx-mess'),
    start: dateOf('start', values['start'] as string | undefined, -Infinity),
    end: dateOf('end', values['end'] as string | undefined, Infinity),
    isMainOnly: is('main'),
    isCount: is('count'),
    isDate: is('date'),
    isXml: is('xml'),
    isVerbose: is('verbose'),
    isHelp: is('help'),
    output: output === undefined ? undefined : { path: output, isAppended: is('append') },
    files: positionals,
  };
}

function kindsOf(is: (name: string) => boolean): Set<LineKind> | undefined {
  const kinds: LineKind[] = [];
  if (is('in') || is('reception')) kinds.push('R');
  if (is('out') || is('delivery')) kinds.push('D', 'X');
  if (is('tran') || is('transient')) kinds.push('T');
  if (is('perm') || is('permanent')) kinds.push('P');
  return kinds.length === 0 ? undefined : new Set(kinds);
}

/** Addresses and domains do not care about case; `<>` is the null sender. */
function exactly(value: string, isFolded: boolean): Test {
  const wanted = value === '<>' ? '' : isFolded ? value.toLowerCase() : value;
  return (text) => (isFolded ? text.toLowerCase() : text) === wanted;
}

function pattern(name: string, value: string): Test {
  const compiled = compilePcre(value, { caseless: name !== 'binding' });
  if (!compiled.ok) throw new Error(`--${name}: "${value}" is no regular expression: ${compiled.message} at ${compiled.offset}`);
  return (text) => compiled.regex.test(text);
}

function keyTest(value: string, test: (part: string) => Test): KeyTest {
  const equals = value.indexOf('=');
  if (equals === 0) throw new Error(`"${value}": expected key or key=value`);
  return equals < 0
    ? { isKey: test(value), isValue: undefined }
    : { isKey: test(value.slice(0, equals)), isValue: test(value.slice(equals + 1)) };
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Epoch seconds, or "Sep 12 18:12:21 2006", or "09 12 18:12:21 2006", in local time. */
function dateOf(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  const m = /^(\w{3}|\d{1,2}) +(\d{1,2}) +(\d{1,2}):(\d{2}):(\d{2}) +(\d{4})$/.exec(text.trim());
  const named = months.indexOf((m?.[1] ?? '').toLowerCase());
  const month = named >= 0 ? named : Number(m?.[1]) - 1;
  if (m === null || !(month >= 0 && month < 12))
    throw new Error(`--${option}: "${text}" is no time: expected epoch seconds or "Sep 12 18:12:21 2006"`);
  return Math.floor(new Date(Number(m[6]), month, Number(m[2]), Number(m[3]), Number(m[4]), Number(m[5])).getTime() / 1000);
}

const any = (tests: readonly Test[], text: string | undefined): boolean =>
  tests.length === 0 || (text !== undefined && tests.some((test) => test(text)));

function address(line: LogLine, who: 'sender' | 'recipient'): string | undefined {
  const local = line.values.get(`${who}-local`);
  const domain = line.values.get(`${who}-domain`);
  if (local === undefined || domain === undefined) return undefined;
  return local === '' && domain === '' ? '' : `${local}@${domain}`;
}

/** Whether what the reception says of a message is wished: these conditions choose messages, not lines. */
export function choosesMessages(wish: Wish): boolean {
  return [wish.from, wish.fromDomain, wish.to, wish.sourceIp].some((tests) => tests.length > 0);
}

/** The conditions on messages, on a line that names sender and recipient. */
export function isChosen(wish: Wish, line: LogLine): boolean {
  const { values } = line;
  if (line.kind !== 'R' && wish.sourceIp.length > 0) return false;
  return (
    any(wish.from, address(line, 'sender')) &&
    any(wish.fromDomain, values.get('sender-domain')) &&
    any(wish.to, address(line, 'recipient')) &&
    any(wish.sourceIp, values.get('ip'))
  );
}

/** The conditions on lines, but the time. */
export function isWished(wish: Wish, line: LogLine): boolean {
  const { values } = line;
  if (wish.ids !== undefined && !wish.ids.has(line.id) && !wish.ids.has(values.get('new-id') ?? '')) return false;
  if (wish.targetIp.length > 0 && (line.kind === 'R' || !any(wish.targetIp, values.get('ip')))) return false;
  return (
    any(wish.toDomain, values.get('domain') ?? values.get('recipient-domain')) &&
    any(wish.binding, values.get('binding')) &&
    any(wish.group, values.get('group'))
  );
}

export function isInTime(wish: Wish, line: LogLine): boolean {
  return line.at >= wish.start && line.at <= wish.end;
}

/** Whether any condition is about messages, which a rejectlog does not know. */
function isAboutMessages(wish: Wish): boolean {
  const tests = [wish.toDomain, wish.targetIp, wish.binding, wish.group];
  return choosesMessages(wish) || wish.kinds !== undefined || wish.ids !== undefined || tests.some((one) => one.length > 0);
}

export function isWishedRejection(wish: Wish, line: LogLine): boolean {
  if (wish.isMainOnly || isAboutMessages(wish)) return false;
  const holds = (tests: readonly KeyTest[], context: ReadonlyMap<string, string>): boolean =>
    tests.every(({ isKey, isValue }) => [...context].some(([key, value]) => isKey(key) && (isValue === undefined || isValue(value))));
  return holds(wish.connection, line.connection) && holds(wish.message, line.message);
}

/** Conditions on contexts are about rejections alone. */
export function isAboutRejections(wish: Wish): boolean {
  return wish.connection.length > 0 || wish.message.length > 0;
}
