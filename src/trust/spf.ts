/**
 * check_host(): whether a client may send mail in a domain's name, by the record of SPF that the domain publishes.
 *
 * The one rule: every path to the DNS is counted, so no record can make us ask more: LOOKUPS_MAX terms that ask, VOIDS_MAX answers without
 * records, NAMES_MAX names of one mx or ptr. Beyond that the answer is permerror, which also ends includes and redirects that go in circles (A57).
 * What is no domain after macros are filled in does not match; what could not be asked is temperror.
 * Not here: the time a check may take, headers, what becomes of the mail (module spf_v1). Truth: RFC 7208; RFC 8616 section 4.
 */
import { cidrContains, cidrOf, parseIp, toAsciiDomain, type IpAddress } from '#base';
import type { DnsAnswer, DnsRecord, RecordType } from '#dns';
import { textsOf, type Lookup } from './lookup.ts';
import { expandEnd, expandMacros, parseMacros, uses, type MacroText, type MacroValues } from './spf-macro.ts';
import { isSpfRecord, parseSpfRecord, type Directive, type SpfRecord } from './spf-record.ts';

export type SpfResult = 'none' | 'neutral' | 'pass' | 'fail' | 'softfail' | 'temperror' | 'permerror';

export interface SpfVerdict {
  readonly result: SpfResult;
  /** For people: the term that matched, or what went wrong. */
  readonly reason: string;
  /** What the domain says to whoever failed; a text of a stranger. Printable ASCII. */
  readonly explanation?: string;
}

export interface SpfQuestion {
  readonly ip: IpAddress;
  /** '' for the null sender: then the name of HELO is asked about. */
  readonly sender: string;
  readonly helo: string;
  /** Our own name, %{r}. */
  readonly receiver: string;
  /** Seconds since the epoch, %{t}. */
  readonly now: number;
  /** What counts for a domain that has no record, such as `a/24 mx/24 ?all`; undefined: the result is none. */
  readonly defaultRule?: string | undefined;
}

const LOOKUPS_MAX = 10;
const VOIDS_MAX = 2;
const NAMES_MAX = 10;
const NAME_OCTETS_MAX = 253;
const LABEL_OCTETS_MAX = 63;
/** Characters of an explanation, before and after its macros are filled in: a longer record gives none, a longer text is cut. */
const EXPLANATION_MAX = 512;

/** Ends the check with a result. */
class Ended extends Error {
  readonly result: 'temperror' | 'permerror';

  constructor(result: 'temperror' | 'permerror', message: string) {
    super(message);
    this.result = result;
  }
}

const RESULTS = { '+': 'pass', '-': 'fail', '~': 'softfail', '?': 'neutral' } as const;

/** The identity that is judged: that of MAIL FROM, or of HELO when there is none. */
export function spfIdentity(o: { readonly sender: string; readonly helo: string }): {
  local: string;
  domain: string;
  kind: 'mailfrom' | 'helo';
} {
  if (o.sender === '') return { local: 'postmaster', domain: o.helo, kind: 'helo' };
  const at = o.sender.lastIndexOf('@');
  const local = at > 0 ? o.sender.slice(0, at) : 'postmaster';
  return { local, domain: o.sender.slice(at + 1), kind: 'mailfrom' };
}

export async function checkSpf(question: SpfQuestion, lookup: Lookup): Promise<SpfVerdict> {
  const { local, domain: given } = spfIdentity(question);
  const domain = toAsciiDomain(given, { allowUnderscore: true, allowTrailingDot: true });
  if (domain === undefined || !domain.includes('.')) return { result: 'none', reason: `"${given}" is no name of a domain` };
  return new Check(question, { local, domain }, lookup).run();
}

class Check {
  readonly #question: SpfQuestion;
  readonly #lookup: Lookup;
  readonly #local: string;
  readonly #senderDomain: string;
  #terms = 0;
  #voids = 0;

  constructor(question: SpfQuestion, identity: { local: string; domain: string }, lookup: Lookup) {
    this.#question = question;
    this.#lookup = lookup;
    this.#local = identity.local;
    this.#senderDomain = identity.domain;
  }

  async run(): Promise<SpfVerdict> {
    try {
      const record = await this.#record(this.#senderDomain);
      if (record !== undefined) return await this.#evaluate(record, this.#senderDomain, false);
      const { defaultRule } = this.#question;
      if (defaultRule === undefined) return { result: 'none', reason: `${this.#senderDomain} has no record of SPF` };
      const own = parseSpfRecord(`v=spf1 ${defaultRule}`);
      if (typeof own === 'string') throw new Ended('permerror', `the default rule: ${own}`);
      const verdict = await this.#evaluate(own, this.#senderDomain, false);
      return { ...verdict, reason: `${this.#senderDomain} has no record of SPF; by our own rule: ${verdict.reason}` };
    } catch (error) {
      if (error instanceof Ended) return { result: error.result, reason: error.message };
      throw error;
    }
  }

  /** The record of a domain; undefined when it has none. */
  async #record(domain: string): Promise<SpfRecord | undefined> {
    const texts = textsOf(answered(domain, await this.#lookup(domain, 'TXT'))).filter(isSpfRecord);
    if (texts.length === 0) return undefined;
    if (texts.length > 1) throw new Ended('permerror', `${domain} has ${texts.length} records of SPF`);
    const record = parseSpfRecord(texts[0] as string);
    if (typeof record === 'string') throw new Ended('permerror', `${domain}: ${record}`);
    return record;
  }

  async #evaluate(record: SpfRecord, domain: string, isIncluded: boolean): Promise<SpfVerdict> {
    for (const directive of record.directives) {
      if (!(await this.#matches(directive, domain))) continue;
      const result = RESULTS[directive.qualifier];
      const reason = `${directive.text} of ${domain} matches`;
      const explanation = result === 'fail' && !isIncluded ? await this.#explanation(record.explanation, domain) : undefined;
      return explanation === undefined ? { result, reason } : { result, reason, explanation };
    }
    const hasAll = record.directives.some(({ kind }) => kind === 'all');
    if (record.redirect === undefined || hasAll) return { result: 'neutral', reason: `nothing in the record of ${domain} matches` };
    this.#count();
    const target = await this.#target(record.redirect, domain);
    if (target === undefined) throw new Ended('permerror', `redirect of ${domain} leads to what is no domain`);
    const next = await this.#record(target);
    if (next === undefined) throw new Ended('permerror', `redirect of ${domain} leads to ${target}, which has no record`);
    return this.#evaluate(next, target, isIncluded);
  }

  async #matches(directive: Directive, domain: string): Promise<boolean> {
    const { ip } = this.#question;
    switch (directive.kind) {
      case 'all':
        return true;
      case 'ip':
        return directive.network.ip.family === ip.family && cidrContains(directive.network, ip);
      case 'ptr':
        return this.#matchesPtr(directive.name, domain);
      default:
    }
    this.#count();
    const name = directive.name === undefined ? domain : await this.#target(directive.name, domain);
    if (name === undefined) {
      // What is no domain has no record (sections 4.3 and 5.2); a local part outside ASCII only does not match.
      if (directive.kind === 'include' && !this.#cannotBeNamed(directive.name))
        throw new Ended('permerror', `${directive.text} of ${domain} names no domain`);
      return false;
    }
    switch (directive.kind) {
      case 'include':
        return this.#includes(name, domain);
      case 'exists':
        return (await this.#ask(name, 'A')).length > 0;
      case 'a':
        return this.#hasAddress(await this.#ask(name, ip.family === 4 ? 'A' : 'AAAA'), directive);
      case 'mx':
        return this.#matchesMx(name, directive);
    }
  }

  async #includes(name: string, domain: string): Promise<boolean> {
    const record = await this.#record(name);
    if (record === undefined) throw new Ended('permerror', `${domain} includes ${name}, which has no record`);
    return (await this.#evaluate(record, name, true)).result === 'pass';
  }

  async #matchesMx(name: string, directive: { readonly bits4: number; readonly bits6: number }): Promise<boolean> {
    const records = await this.#ask(name, 'MX');
    const hosts = records.flatMap((record) => (record.type === 'MX' ? [record] : [])).sort((a, b) => a.preference - b.preference);
    for (const [i, { exchange }] of hosts.entries()) {
      if (i >= NAMES_MAX) throw new Ended('permerror', `${name} has more than ${NAMES_MAX} MX records`);
      if (exchange === '.' || exchange === '') continue;
      const addresses = await this.#ask(exchange, this.#question.ip.family === 4 ? 'A' : 'AAAA');
      if (this.#hasAddress(addresses, directive)) return true;
    }
    return false;
  }

  async #matchesPtr(spec: MacroText | undefined, domain: string): Promise<boolean> {
    this.#count();
    const name = spec === undefined ? domain : await this.#target(spec, domain);
    if (name === undefined) return false;
    return (await this.#validatedNames()).some((validated) => isInDomain(validated, name));
  }

  #hasAddress(records: readonly DnsRecord[], { bits4, bits6 }: { readonly bits4: number; readonly bits6: number }): boolean {
    const { ip } = this.#question;
    return records.some((record) => {
      const address = record.type === 'A' || record.type === 'AAAA' ? parseIp(record.address) : undefined;
      return address !== undefined && address.family === ip.family && cidrContains(cidrOf(address, ip.family === 4 ? bits4 : bits6), ip);
    });
  }

  /** Names of the client's address that lead back to it. What cannot be asked does not count (section 5.5). */
  async #validatedNames(): Promise<string[]> {
    const { ip } = this.#question;
    const answer = await this.#lookup(reverseName(ip), 'PTR');
    this.#noteVoid(answer);
    const validated: string[] = [];
    const records = answer.kind === 'records' ? answer.records.slice(0, NAMES_MAX) : [];
    for (const record of records) {
      if (record.type !== 'PTR') continue;
      const found = await this.#lookup(record.target, ip.family === 4 ? 'A' : 'AAAA');
      if (found.kind === 'records' && this.#hasAddress(found.records, { bits4: 32, bits6: 128 })) validated.push(record.target);
    }
    return validated;
  }

  /** The name that a text with macros says; undefined when that is none. */
  async #target(spec: MacroText, domain: string): Promise<string | undefined> {
    if (this.#cannotBeNamed(spec)) return undefined;
    return nameOf(expandEnd(spec, await this.#values(spec, domain, true), 2 * NAME_OCTETS_MAX));
  }

  /** RFC 8616 section 4: a local part that is not ASCII cannot be in a name. */
  #cannotBeNamed(spec: MacroText): boolean {
    return uses(spec, 'sl') && /[^ -~]/.test(this.#local);
  }

  async #values(spec: MacroText, domain: string, isCounted: boolean): Promise<MacroValues> {
    const { ip, helo, receiver, now } = this.#question;
    const local = this.#local;
    const senderDomain = this.#senderDomain;
    const validated = uses(spec, 'p') ? await this.#validatedName(domain, isCounted) : 'unknown';
    return { sender: `${local}@${senderDomain}`, local, senderDomain, domain, ip, helo, receiver, now, validated };
  }

  async #validatedName(domain: string, isCounted: boolean): Promise<string> {
    if (isCounted) this.#count();
    const names = await this.#validatedNames();
    return names.find((name) => name === domain) ?? names.find((name) => isInDomain(name, domain)) ?? names[0] ?? 'unknown';
  }

  /** Whatever goes wrong here means that there is no explanation (section 6.2). */
  async #explanation(spec: MacroText | undefined, domain: string): Promise<string | undefined> {
    if (spec === undefined) return undefined;
    try {
      const target = await this.#target(spec, domain);
      const texts = target === undefined ? [] : textsOf(await this.#lookup(target, 'TXT'));
      const [found = ''] = texts;
      const isOne = texts.length === 1 && found.length <= EXPLANATION_MAX;
      const text = isOne ? parseMacros(found, { isExplanation: true }) : undefined;
      if (text === undefined || text.length === 0) return undefined;
      const explanation = expandMacros(text, await this.#values(text, domain, false));
      return /[^ -~]/.test(explanation) ? undefined : explanation.slice(0, EXPLANATION_MAX);
    } catch (error) {
      if (error instanceof Ended) return undefined;
      throw error;
    }
  }

  async #ask(name: string, type: RecordType): Promise<readonly DnsRecord[]> {
    const answer = answered(name, await this.#lookup(name, type));
    this.#noteVoid(answer);
    return answer.kind === 'records' ? answer.records : [];
  }

  #noteVoid(answer: DnsAnswer): void {
    if (answer.kind === 'records' || answer.kind === 'failed') return;
    this.#voids += 1;
    if (this.#voids > VOIDS_MAX) throw new Ended('permerror', `more than ${VOIDS_MAX} answers are empty`);
  }

  #count(): void {
    this.#terms += 1;
    if (this.#terms > LOOKUPS_MAX) throw new Ended('permerror', `more than ${LOOKUPS_MAX} terms ask the DNS`);
  }
}

function answered(name: string, answer: DnsAnswer): DnsAnswer {
  if (answer.kind === 'failed') throw new Ended('temperror', `${name}: ${answer.reason}`);
  return answer;
}

function isInDomain(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** A name to be asked for: in lower case, cut from the left to what fits; undefined for what cannot be one (section 4.8, 7.3). */
function nameOf(text: string): string | undefined {
  let name = text.toLowerCase().replace(/\.$/, '');
  while (name.length > NAME_OCTETS_MAX) {
    const dot = name.indexOf('.');
    if (dot < 0) return undefined;
    name = name.slice(dot + 1);
  }
  const labels = name.split('.');
  return labels.length > 1 && labels.every((label) => label.length > 0 && label.length <= LABEL_OCTETS_MAX) ? name : undefined;
}

/** Where the names of an address are. */
function reverseName(ip: IpAddress): string {
  if (ip.family === 4) return `${ip.text.split('.').reverse().join('.')}.in-addr.arpa`;
  return `${[...Buffer.from(ip.bytes).toString('hex')].reverse().join('.')}.ip6.arpa`;
}
