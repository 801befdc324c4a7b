/**
 * A record of SPF as data.
 *
 * The one rule: a record is read whole before any of it counts; one error anywhere makes all of it an error (RFC 7208 section 4.6).
 * Not here: what its terms say about a client (spf.ts). Bound: RECORD_OCTETS_MAX; a longer one is an error.
 * Truth: RFC 7208 sections 4.5, 4.6, 5, 6, 12.
 */
import { cidrOf, parseIp, type Cidr } from '#base';
import { parseMacros, type MacroText } from './spf-macro.ts';

/** No record that is meant seriously comes near it. */
const RECORD_OCTETS_MAX = 16_384;
/** Characters of a term as people are told of it. */
const TOLD_MAX = 100;

type Qualifier = '+' | '-' | '~' | '?';

export type Directive = { readonly qualifier: Qualifier; /** As written, for people. */ readonly text: string } & (
  | { readonly kind: 'all' }
  | { readonly kind: 'include' | 'exists'; readonly name: MacroText }
  /** Without a name it is the domain itself. */
  | { readonly kind: 'a' | 'mx'; readonly name: MacroText | undefined; readonly bits4: number; readonly bits6: number }
  | { readonly kind: 'ptr'; readonly name: MacroText | undefined }
  | { readonly kind: 'ip'; readonly network: Cidr }
);

export interface SpfRecord {
  readonly directives: readonly Directive[];
  readonly redirect: MacroText | undefined;
  readonly explanation: MacroText | undefined;
}

/** Whether a text is a record of this kind at all, good or bad. */
export function isSpfRecord(text: string): boolean {
  return /^v=spf1(?: |$)/i.test(text);
}

/** The record, or what is wrong with it. */
export function parseSpfRecord(text: string): SpfRecord | string {
  if (text.length > RECORD_OCTETS_MAX) return 'the record is too long';
  if (/[^ -~]/.test(text)) return 'the record holds something that is not printable ASCII';
  const directives: Directive[] = [];
  const modifiers = new Map<string, MacroText>();
  for (const term of text.slice('v=spf1'.length).split(' ')) {
    if (term === '') continue;
    const modifier = /^([a-z][a-z0-9\-_.]*)=(.*)$/i.exec(term);
    if (modifier === null) {
      const directive = parseDirective(term);
      if (directive === undefined) return `"${term.slice(0, TOLD_MAX)}" is no term of SPF`;
      directives.push(directive);
      continue;
    }
    const problem = readModifier((modifier[1] as string).toLowerCase(), modifier[2] as string, modifiers);
    if (problem !== undefined) return problem;
  }
  return { directives, redirect: modifiers.get('redirect'), explanation: modifiers.get('exp') };
}

function readModifier(name: string, value: string, modifiers: Map<string, MacroText>): string | undefined {
  const isOurs = name === 'redirect' || name === 'exp';
  const text = isOurs ? parseDomainSpec(value) : parseMacros(value);
  if (text === undefined) return `"${`${name}=${value}`.slice(0, TOLD_MAX)}" is no modifier of SPF`;
  if (isOurs && modifiers.has(name)) return `${name} is there twice`;
  if (isOurs) modifiers.set(name, text);
  return undefined;
}

function parseDirective(term: string): Directive | undefined {
  const found = /^([+\-~?]?)([a-z0-9]+)(.*)$/i.exec(term);
  if (found === null) return undefined;
  const qualifier = (found[1] === '' ? '+' : found[1]) as Qualifier;
  const common = { qualifier, text: term.slice(0, TOLD_MAX) };
  const rest = found[3] as string;
  const kind = (found[2] as string).toLowerCase();
  switch (kind) {
    case 'all':
      return rest === '' ? { ...common, kind } : undefined;
    case 'include':
    case 'exists': {
      const name = rest.startsWith(':') ? parseDomainSpec(rest.slice(1)) : undefined;
      return name === undefined ? undefined : { ...common, kind, name };
    }
    case 'ptr': {
      const name = rest.startsWith(':') ? parseDomainSpec(rest.slice(1)) : undefined;
      return name === undefined && rest !== '' ? undefined : { ...common, kind, name };
    }
    case 'a':
    case 'mx':
      return parseAddressTerm(common, kind, rest);
    case 'ip4':
    case 'ip6': {
      const network = rest.startsWith(':') ? parseNetwork(rest.slice(1), kind === 'ip4' ? 4 : 6) : undefined;
      return network === undefined ? undefined : { ...common, kind: 'ip', network };
    }
    default:
      return undefined;
  }
}

function parseAddressTerm(common: { qualifier: Qualifier; text: string }, kind: 'a' | 'mx', rest: string): Directive | undefined {
  const lengths = /(?:\/(0|[1-9]\d?))?(?:\/\/(0|[1-9]\d{0,2}))?$/.exec(rest) as RegExpExecArray;
  const bits4 = lengths[1] === undefined ? 32 : Number(lengths[1]);
  const bits6 = lengths[2] === undefined ? 128 : Number(lengths[2]);
  if (bits4 > 32 || bits6 > 128) return undefined;
  const spec = rest.slice(0, lengths.index);
  if (spec === '') return { ...common, kind, name: undefined, bits4, bits6 };
  const name = spec.startsWith(':') ? parseDomainSpec(spec.slice(1)) : undefined;
  return name === undefined ? undefined : { ...common, kind, name, bits4, bits6 };
}

function parseNetwork(text: string, family: 4 | 6): Cidr | undefined {
  const found = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text);
  const ip = found === null ? undefined : parseIp(found[1] as string);
  if (ip === undefined || ip.family !== family) return undefined;
  const most = family === 4 ? 32 : 128;
  const bits = found?.[2] === undefined ? most : Number(found[2]);
  return bits > most ? undefined : cidrOf(ip, bits);
}

/** domain-spec: ends in a macro, or in a label that is no number. */
function parseDomainSpec(text: string): MacroText | undefined {
  const macros = parseMacros(text);
  if (macros === undefined || macros.length === 0) return undefined;
  const endsInMacro = text.endsWith('}') && /^%\{[^{}]*\}$/.test(text.slice(text.lastIndexOf('%{')));
  return endsInMacro || isTopLabel(text) ? macros : undefined;
}

/** Looked at label by label, each expression without choices: a long text takes no longer than its length (A49). */
function isTopLabel(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  const dot = name.lastIndexOf('.');
  const label = name.slice(dot + 1);
  return dot >= 0 && /^[a-z0-9]/i.test(label) && /[a-z0-9]$/i.test(label) && !/[^a-z0-9-]/i.test(label) && /[a-z-]/i.test(label);
}
