/**
 * The ARC sets of a header, put in order: what each hop that passed a message on said of it, and how it sealed that.
 *
 * The one rule: the whole structure is judged before anything is computed or asked: sets 1 to n without a gap, each with one field of each of the three
 * kinds, and with the only cv= that its place allows (RFC 8617 section 5.2, steps 1 to 3).
 * Bounds: SETS_MAX sets, CHAIN_OCTETS_MAX octets of all of them, since each seal is computed over all sets below it.
 * Not here: signatures, keys (arc-verify.ts). Truth: RFC 8617 sections 4.1, 4.2, 5.2.
 */
import { bareText, type HeaderField } from '#mail';
import { fieldText } from './dkim-verify.ts';
import { compact, parseTags, type Tags } from './tag-list.ts';

export const SETS_MAX = 50;
const CHAIN_OCTETS_MAX = 262_144;
const KINDS = ['arc-authentication-results', 'arc-message-signature', 'arc-seal'] as const;

interface ArcField {
  readonly field: HeaderField;
  readonly tags: Tags;
}

export interface ArcSet {
  readonly results: HeaderField;
  readonly message: ArcField;
  readonly seal: ArcField;
}

/** Sets from the first to the newest, none for a message that has none, or why they are no chain. */
export type ArcChain = readonly ArcSet[] | string;

type Kind = (typeof KINDS)[number];

/** What the seals of a chain that may be none say: the highest instance of any, and whether one of them says that the chain failed; undefined for too many. */
export function sealsOf(fields: readonly HeaderField[]): { readonly newest: number; readonly saysFailed: boolean } | undefined {
  const found = arcFields(fields);
  if (sizeProblem(found) !== undefined) return undefined;
  let newest = 0;
  let saysFailed = false;
  for (const { kind, field } of found) {
    const tags = kind === 'arc-authentication-results' ? undefined : parseTags(fieldText(field));
    newest = Math.max(newest, instanceOf(tags === undefined ? leadingInstance(field) : compact(tags.get('i'))));
    saysFailed ||= kind === 'arc-seal' && compact(tags?.get('cv')).toLowerCase() === 'fail';
  }
  return { newest, saysFailed };
}

export function readChain(fields: readonly HeaderField[]): ArcChain {
  const found = arcFields(fields);
  if (found.length === 0) return [];
  const size = sizeProblem(found);
  if (size !== undefined) return size;
  const sets = new Map<number, Map<Kind, ArcField>>();
  for (const { kind, field } of found) {
    const tags = kind === 'arc-authentication-results' ? new Map<string, string>() : parseTags(fieldText(field));
    if (tags === undefined) return `a field ${kind} cannot be read`;
    const text = kind === 'arc-authentication-results' ? leadingInstance(field) : compact(tags.get('i'));
    const instance = instanceOf(text);
    if (instance === 0) return `a field ${kind} has no i= from 1 to ${SETS_MAX}`;
    const set = sets.get(instance) ?? new Map<Kind, ArcField>();
    if (set.has(kind)) return `set ${instance} has more than one ${kind}`;
    set.set(kind, { field, tags });
    sets.set(instance, set);
  }
  return inOrder(sets);
}

function arcFields(fields: readonly HeaderField[]): { readonly kind: Kind; readonly field: HeaderField }[] {
  return fields.flatMap((field) => {
    const kind = KINDS.find((name) => name === field.name.toLowerCase());
    return kind === undefined ? [] : [{ kind, field }];
  });
}

function sizeProblem(found: readonly { readonly field: HeaderField }[]): string | undefined {
  if (found.length > SETS_MAX * KINDS.length) return `there are more than ${SETS_MAX} sets`;
  return found.reduce((sum, { field }) => sum + field.raw.length, 0) > CHAIN_OCTETS_MAX ? 'the sets are too large' : undefined;
}

/** 0 for what is none. */
function instanceOf(text: string): number {
  const instance = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  return instance > SETS_MAX ? 0 : instance;
}

function inOrder(sets: ReadonlyMap<number, ReadonlyMap<Kind, ArcField>>): ArcChain {
  const chain: ArcSet[] = [];
  for (let instance = 1; instance <= sets.size; instance++) {
    const set = sets.get(instance);
    if (set === undefined) return `set ${instance} is missing`;
    const [results, message, seal] = KINDS.map((kind) => set.get(kind));
    if (results === undefined || message === undefined || seal === undefined)
      return `set ${instance} has no ${KINDS.find((kind) => !set.has(kind))}`;
    chain.push({ results: results.field, message, seal });
  }
  const wordOf = (set: ArcSet | undefined): string => compact(set?.seal.tags.get('cv')).toLowerCase();
  if (wordOf(chain.at(-1)) === 'fail') return `set ${chain.length} says that the chain had failed before`;
  const odd = chain.findIndex((set, i) => wordOf(set) !== (i === 0 ? 'none' : 'pass'));
  return odd < 0 ? chain : `cv= of set ${odd + 1} is not ${odd === 0 ? 'none' : 'pass'}`;
}

/** Results begin with `i=1;`, perhaps with comments in between. */
function leadingInstance(field: HeaderField): string {
  const [first = '', ...rest] = bareText(fieldText(field)).split(';');
  return rest.length === 0 ? '' : (/^i=(.*)$/.exec(compact(first))?.[1] ?? '');
}
