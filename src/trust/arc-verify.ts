/**
 * Whether a chain of ARC holds: the newest signature of the message, and every seal.
 *
 * The one rule: a chain holds whole or not at all, and the first thing that is wrong ends the work. Answers are the three of the RFC: what could not be
 * asked of the DNS is a failure too, with its reason, since there is no fourth value. A seal counts under the conditions of a signature of DKIM: keys and
 * algorithms alike (A56).
 * Bound: one question for each key, so one more than there are sets at most. Not here: the structure (arc-chain.ts). Truth: RFC 8617 section 5.2.
 */
import { toAsciiDomain } from '#base';
import { canonicalField, relaxedField, type DigestedMessage } from '#dkim';
import { fieldValue } from '#mail';
import type { ArcChain, ArcSet } from './arc-chain.ts';
import { isSignedBy, SELECTOR, verifyArcMessage, withoutSignature } from './dkim-verify.ts';
import type { Lookup } from './lookup.ts';
import { findKey } from './public-key.ts';
import { compact } from './tag-list.ts';

export interface ArcVerdict {
  readonly result: 'none' | 'pass' | 'fail';
  readonly reason: string;
  /** d= of the seals of a chain that holds, from the first to the newest. */
  readonly sealers: readonly string[];
  /** What the first of them had found out: the value of its results, behind i=1; '' unless the chain holds. */
  readonly results: string;
}

interface ArcPorts {
  readonly message: DigestedMessage | undefined;
  readonly lookup: Lookup;
  readonly now: number;
}

export async function verifyChain(chain: ArcChain, o: ArcPorts): Promise<ArcVerdict> {
  const fail = (reason: string): ArcVerdict => ({ result: 'fail', reason, sealers: [], results: '' });
  if (typeof chain === 'string') return fail(chain);
  const newest = chain.at(-1);
  if (newest === undefined) return { result: 'none', reason: '', sealers: [], results: '' };
  const lookup = onceEach(o.lookup);
  const message = await verifyArcMessage(newest.message.field, { ...o, lookup });
  if (message.result !== 'pass') return fail(`the signature of set ${chain.length}: ${message.reason}`);
  const fields = chain.map(({ results, message: { field }, seal }) => ({
    own: canonicalField(results, 'relaxed') + canonicalField(field, 'relaxed'),
    seal: canonicalField(seal.field, 'relaxed'),
  }));
  for (let at = chain.length - 1; at >= 0; at--) {
    const below = fields.slice(0, at).map(({ own, seal }) => own + seal);
    const problem = await sealProblem(chain[at] as ArcSet, below.join('') + (fields[at]?.own ?? ''), lookup);
    if (problem !== undefined) return fail(`the seal of set ${at + 1}: ${problem}`);
  }
  return {
    result: 'pass',
    reason: '',
    results: firstResults(chain),
    sealers: chain.map(({ seal }) => toAsciiDomain(compact(seal.tags.get('d')), { allowUnderscore: true }) ?? ''),
  };
}

/** Without `i=1;`, which comes first (arc-chain.ts has looked). */
function firstResults(chain: readonly ArcSet[]): string {
  const value = chain[0] === undefined ? '' : fieldValue(chain[0].results);
  return value.slice(value.indexOf(';') + 1).trim();
}

async function sealProblem({ seal: { field, tags } }: ArcSet, signed: string, lookup: Lookup): Promise<string | undefined> {
  const algorithm = compact(tags.get('a')).toLowerCase();
  if (algorithm !== 'rsa-sha256' && algorithm !== 'ed25519-sha256') return 'a= is of a kind that does not count';
  if (tags.has('h')) return 'it has an h=';
  const domain = toAsciiDomain(compact(tags.get('d')), { allowUnderscore: true });
  const selector = compact(tags.get('s'));
  if (domain === undefined || !SELECTOR.test(selector) || selector.includes('..')) return 'd= or s= is no name';
  const octets = compact(tags.get('b'));
  if (!/^[a-z0-9+/]+={0,2}$/i.test(octets)) return 'b= cannot be read';
  if (tags.has('t') && !/^\d{1,12}$/.test(compact(tags.get('t')))) return 't= is no time';
  const key = await findKey(selector.toLowerCase(), domain, lookup);
  if ('result' in key) return key.reason;
  if (!algorithm.startsWith(key.kind)) return 'the key is of another kind';
  const own = relaxedField(withoutSignature(field.raw.toString('latin1')));
  return isSignedBy(key, signed + own, Buffer.from(octets, 'base64')) ? undefined : 'a set was changed, or the key is another one';
}

/** Hops of one chain often share a key. */
function onceEach(lookup: Lookup): Lookup {
  const asked = new Map<string, ReturnType<Lookup>>();
  return (name, type) => {
    const answer = asked.get(`${type} ${name}`) ?? lookup(name, type);
    asked.set(`${type} ${name}`, answer);
    return answer;
  };
}
