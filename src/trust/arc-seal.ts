/**
 * A set of ours on top of a chain of ARC: which number it has, what it says of those below, and what its seal holds.
 *
 * The one rule: a chain that holds is continued, one that failed is sealed once more and alone (cv=fail), and over a seal that says so nothing is put any
 * more; nothing comes after set 50 either. What goes out is what was computed, fold for fold.
 * Bound: RESULTS_OCTETS_MAX of what was found out. Not here: keys and threads (module openarc), the signature over the message (dkim).
 * Truth: RFC 8617 sections 4.1, 5.1, 5.1.1, 5.1.2.
 */
import { canonicalField, relaxedField, type Algorithm } from '#dkim';
import { asciiLine, fieldValue, formatHeader, HeaderBlock, type HeaderField } from '#mail';
import { readChain, SETS_MAX, sealsOf, type ArcSet } from './arc-chain.ts';
import { parseResults } from './results-reader.ts';

const RESULTS_OCTETS_MAX = 8192;

export interface SealPlace {
  readonly instance: number;
  readonly cv: 'none' | 'pass' | 'fail';
  /** The sets that the seal holds besides its own. */
  readonly below: readonly ArcSet[];
}

/** @param verdict what the check of the chain said, when the message came  @returns the place, or why there is none */
export function placeOfSeal(fields: readonly HeaderField[], verdict: string): SealPlace | string {
  const chain = readChain(fields);
  if (chain.length === 0) return { instance: 1, cv: 'none', below: [] };
  const holds = typeof chain !== 'string' && verdict === 'pass';
  const seals = sealsOf(fields);
  if (seals === undefined) return 'there are too many sets';
  if (seals.saysFailed) return 'the chain had failed before';
  if (seals.newest >= SETS_MAX) return `there are ${SETS_MAX} sets`;
  return { instance: seals.newest + 1, ...(holds ? { cv: 'pass', below: chain } : { cv: 'fail', below: [] }) };
}

/**
 * The field of what was found out here: the clauses of our own Authentication-Results, and of ARC in any case.
 * @param own the name under which they were written  @param authservId the name to tell
 */
export function arcResultsField(
  fields: readonly HeaderField[],
  o: { readonly own: string; readonly authservId: string; readonly place: SealPlace },
): string {
  const clauses: string[] = [];
  let octets = 0;
  let hasArc = false;
  for (const field of fields) {
    if (field.name.toLowerCase() !== 'authentication-results' || field.raw.length > RESULTS_OCTETS_MAX) continue;
    const read = parseResults(fieldValue(field));
    if (read === undefined || read.authservId.toLowerCase() !== o.own.toLowerCase()) continue;
    for (const { method, text } of read.clauses) {
      octets += text.length;
      if (octets > RESULTS_OCTETS_MAX) break;
      hasArc ||= method === 'arc';
      clauses.push(asciiLine(text, RESULTS_OCTETS_MAX));
    }
  }
  if (!hasArc) clauses.push(`arc=${o.place.cv}`);
  return formatHeader('ARC-Authentication-Results', [`i=${o.place.instance}`, o.authservId, ...clauses].join('; '));
}

interface SealPlan {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: Algorithm;
  /** Epoch seconds. */
  readonly now: number;
}

/** An ARC-Seal in the making, as SignatureDraft is a signature. */
export class SealDraft {
  /** What the private key signs, as octets in latin1. */
  readonly input: string;
  readonly #head: string;

  /** @param own the two other fields of the set, with their line ends */
  constructor({ instance, cv, below }: SealPlace, own: { readonly results: string; readonly message: string }, plan: SealPlan) {
    const { domain, selector, algorithm, now } = plan;
    this.#head = `ARC-Seal: i=${instance}; a=${algorithm}; t=${now}; cv=${cv};\r\n\td=${domain}; s=${selector};\r\n\tb=`;
    const { fields } = HeaderBlock.parse(Buffer.from(own.results + own.message, 'latin1'));
    const sets = below.flatMap(({ results, message, seal }) => [results, message.field, seal.field]);
    this.input = [...sets, ...fields].map((field) => canonicalField(field, 'relaxed')).join('') + relaxedField(this.#head);
  }

  /** The field with its CRLF. @param signature base64 */
  header(signature: string): string {
    const lines = signature.match(/.{1,72}/g) ?? [];
    return `${this.#head}${lines.map((line) => `\r\n\t${line}`).join('')}\r\n`;
  }
}
