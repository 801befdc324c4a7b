/**
 * DMARC: whether somebody who may speak for the author's domain stands behind a message, and what the domain wants done where nobody does.
 *
 * The one rule: records are found by walking up the names (RFC 9989 section 4.10), never by a list of suffixes. A walk asks QUESTIONS_MAX times at most; only
 * names that share their end with the author's are walked at all.
 * Not here: SPF and DKIM themselves, what becomes of the mail (module dmarc), reports. Truth: RFC 9989.
 */
import type { DkimVerdict } from './dkim-verify.ts';
import { textsOf, type Lookup } from './lookup.ts';
import type { SpfResult } from './spf.ts';
import { compact, parseTags } from './tag-list.ts';

type DmarcPolicy = 'none' | 'quarantine' | 'reject';

export interface DmarcVerdict {
  readonly result: 'none' | 'pass' | 'fail' | 'temperror' | 'permerror';
  readonly reason: string;
  /** The author's domain; '' when there is none. */
  readonly domain: string;
  /** What the domain wants done with this message; `none` unless it failed. */
  readonly policy: DmarcPolicy;
}

export interface Identified {
  /** What SPF said, and of which domain. */
  readonly spf: { readonly domain: string; readonly result: SpfResult } | undefined;
  readonly dkim: readonly DkimVerdict[];
}

interface DmarcRecord {
  readonly at: string;
  readonly policy: DmarcPolicy;
  readonly subPolicy: DmarcPolicy;
  /** For names that do not exist. */
  readonly nonPolicy: DmarcPolicy;
  readonly isStrictDkim: boolean;
  readonly isStrictSpf: boolean;
  readonly suffix: 'y' | 'n' | 'u';
  readonly isTesting: boolean;
}

const QUESTIONS_MAX = 8;

class Failure extends Error {}

export async function evaluateDmarc(domain: string, found: Identified, lookup: Lookup): Promise<DmarcVerdict> {
  const walks = new Map<string, Promise<Walk>>();
  const walkOf = (name: string): Promise<Walk> => {
    const known = walks.get(name) ?? walk(name, lookup);
    walks.set(name, known);
    return known;
  };
  try {
    const author = await walkOf(domain);
    const { record } = author;
    if (record === undefined) return { result: 'none', reason: `${domain} has no record of DMARC`, domain, policy: 'none' };
    const isKin = (other: string): boolean => other === author.organization || other.endsWith(`.${author.organization}`);
    const isAligned = async (other: string, isStrict: boolean): Promise<boolean> => {
      if (other === domain) return true;
      return !isStrict && isKin(other) && (await walkOf(other)).organization === author.organization;
    };
    for (const { result, domain: signer } of found.dkim)
      if (result === 'pass' && (await isAligned(signer, record.isStrictDkim)))
        return { result: 'pass', reason: `signed by ${signer}`, domain, policy: 'none' };
    const { spf } = found;
    if (spf?.result === 'pass' && (await isAligned(spf.domain, record.isStrictSpf)))
      return { result: 'pass', reason: `sent by ${spf.domain}`, domain, policy: 'none' };
    // What could not be asked may be what would have made it pass; of strangers' names it could not.
    const unsure = [...found.dkim, ...(spf === undefined ? [] : [spf])].find(
      ({ result, domain: of }) => result === 'temperror' && isKin(of),
    );
    if (unsure !== undefined)
      return { result: 'temperror', reason: `what ${unsure.domain} publishes could not be asked for`, domain, policy: 'none' };
    const policy = await policyFor(domain, record, lookup);
    return { result: 'fail', reason: `nobody of ${author.organization} stands behind it`, domain, policy };
  } catch (error) {
    if (error instanceof Failure) return { result: 'temperror', reason: error.message, domain, policy: 'none' };
    throw error;
  }
}

async function policyFor(domain: string, record: DmarcRecord, lookup: Lookup): Promise<DmarcPolicy> {
  let policy = record.at === domain ? record.policy : record.subPolicy;
  if (record.at !== domain && record.nonPolicy !== record.subPolicy) {
    const answer = await lookup(domain, 'A');
    if (answer.kind === 'failed') throw new Failure(`${domain}: ${answer.reason}`);
    if (answer.kind === 'nxdomain') policy = record.nonPolicy;
  }
  if (!record.isTesting) return policy;
  return policy === 'reject' ? 'quarantine' : 'none';
}

interface Walk {
  /** The record that counts for the name. */
  readonly record: DmarcRecord | undefined;
  readonly organization: string;
}

/** The walk up the names: which record counts, and what the organization's own name is (sections 4.10.1, 4.10.2). */
async function walk(domain: string, lookup: Lookup): Promise<Walk> {
  const records: DmarcRecord[] = [];
  let name: string | undefined = domain;
  for (let asked = 0; name !== undefined && asked < QUESTIONS_MAX; asked++) {
    const record = await recordAt(name, lookup);
    if (record !== undefined) {
      records.push(record);
      if (record.suffix === 'n' || (record.suffix === 'y' && name !== domain)) break;
    }
    name = above(name);
  }
  const own = records.find(({ at }) => at === domain);
  const organization = organizationOf(domain, records);
  const record = own ?? records.find(({ at }) => at === organization) ?? records.find(({ suffix }) => suffix === 'y');
  return { record, organization };
}

function organizationOf(domain: string, records: readonly DmarcRecord[]): string {
  const end = records.find(({ suffix }) => suffix === 'n');
  if (end !== undefined) return end.at;
  const suffix = records.find(({ suffix: kind, at }) => kind === 'y' && at !== domain);
  if (suffix !== undefined) {
    const labels = domain.split('.');
    return labels.slice(-(suffix.at.split('.').length + 1)).join('.');
  }
  return records.at(-1)?.at ?? domain;
}

/** The next name of a walk: one label less, or the last seven of a long name. */
function above(name: string): string | undefined {
  const labels = name.split('.');
  const rest = labels.length > QUESTIONS_MAX ? labels.slice(-(QUESTIONS_MAX - 1)) : labels.slice(1);
  return rest.length === 0 ? undefined : rest.join('.');
}

async function recordAt(name: string, lookup: Lookup): Promise<DmarcRecord | undefined> {
  const answer = await lookup(`_dmarc.${name}`, 'TXT');
  if (answer.kind === 'failed') throw new Failure(`_dmarc.${name}: ${answer.reason}`);
  const records = textsOf(answer).flatMap((text) => parseRecord(text, name) ?? []);
  return records.length === 1 ? records[0] : undefined;
}

function parseRecord(text: string, at: string): DmarcRecord | undefined {
  if (!/^v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)/.test(text)) return undefined;
  const tags = parseTags(text);
  if (tags === undefined) return undefined;
  const word = (name: string): string => compact(tags.get(name)).toLowerCase();
  const policyOf = (name: string): DmarcPolicy | undefined => {
    const value = word(name);
    return value === 'none' || value === 'quarantine' || value === 'reject' ? value : undefined;
  };
  const own = policyOf('p');
  // A domain that only asks for reports wants nothing done (section 4.10.1).
  if (own === undefined && !/mailto:/i.test(tags.get('rua') ?? '')) return undefined;
  const policy = own ?? 'none';
  const subPolicy = policyOf('sp') ?? policy;
  const suffix = word('psd');
  return {
    at,
    policy,
    subPolicy,
    nonPolicy: policyOf('np') ?? subPolicy,
    isStrictDkim: word('adkim') === 's',
    isStrictSpf: word('aspf') === 's',
    suffix: suffix === 'y' || suffix === 'n' ? suffix : 'u',
    isTesting: word('t') === 'y',
  };
}
