/**
 * MTA-STS policies of recipient domains: looked for when mail goes there, kept on disk and in memory as long as they say, made fresh in time.
 *
 * The one rule: a policy that is known and not over is in force, whatever DNS and HTTPS say now; it is fetched anew in the background when its id
 * changed, or a day passed. Only a domain without a known policy waits for the fetch, and a fetch that failed is not repeated for FAILED_MS.
 * A policy that says it is over sooner counts for LIFE_MIN_MS: else each message would bring a fetch, and be sent as if there were none.
 * Each loop has one; the files are shared, written whole and renamed. Bounds: POLICIES_MAX domains in memory, FETCHES_MAX fetches at a time, ASKERS_MAX
 * who wait for one; beyond them the domain's mail is told to come later. Truth: RFC 8461 sections 3.3, 5.1 and 10.2; attack A46.
 */
import { Lru, type Clock } from '#base';
import type { DnsAnswer } from '#dns';
import type { Asking } from './dane-lookup.ts';
import type { Fetched } from './sts-fetch.ts';
import { parseStsPolicy, stsId, type StsPolicy } from './sts-policy.ts';

export const stsLimits = {
  POLICIES_MAX: 10_000,
  FETCHES_MAX: 64,
  ASKERS_MAX: 1_000,
  FAILED_MS: 300_000,
  LIFE_MIN_MS: 300_000,
  REFRESH_MS: 86_400_000,
} as const;

export type StsFinding =
  | { readonly kind: 'none'; readonly failure?: { readonly type: string; readonly reason: string } | undefined }
  | { readonly kind: 'policy'; readonly policy: StsPolicy; readonly id: string }
  | { readonly kind: 'busy' };

/** What is kept of a domain; times in milliseconds of the clock on the wall. */
export interface KeptPolicy {
  readonly id: string;
  readonly text: string;
  readonly fetchedAt: number;
}

/** Where policies outlive the server. */
export interface PolicyFiles {
  read(domain: string, done: (kept: KeptPolicy | undefined) => void): void;
  write(domain: string, kept: KeptPolicy): void;
}

interface Entry extends KeptPolicy {
  readonly policy: StsPolicy;
  /** A try to make it fresh that failed, or began. */
  triedAt: number;
}

interface StoreOptions {
  readonly dns: Asking;
  readonly fetch: (domain: string, done: (fetched: Fetched) => void) => void;
  readonly files: PolicyFiles;
  readonly clock: Clock;
  readonly tell: (text: string) => void;
}

export class StsStore {
  readonly #o: StoreOptions;
  readonly #known: Lru<string, Entry>;
  /** Fetches that failed, with what to report. */
  readonly #failed: Lru<string, { type: string; reason: string }>;
  readonly #waiting = new Map<string, ((finding: StsFinding) => void)[]>();
  #fetches = 0;

  constructor(o: StoreOptions) {
    this.#o = o;
    this.#known = new Lru({ max: stsLimits.POLICIES_MAX });
    this.#failed = new Lru({ max: stsLimits.POLICIES_MAX, ttlMs: stsLimits.FAILED_MS, clock: o.clock });
  }

  /** The policy in force for mail of a domain. */
  of(domain: string, done: (finding: StsFinding) => void): void {
    const entry = this.#fresh(domain);
    if (entry !== undefined) {
      done(finding(entry));
      this.#look(domain, entry);
      return;
    }
    const others = this.#waiting.get(domain);
    if (others !== undefined) {
      if (others.length < stsLimits.ASKERS_MAX) others.push(done);
      else done({ kind: 'busy' });
      return;
    }
    if (this.#waiting.size >= stsLimits.ASKERS_MAX) return done({ kind: 'busy' });
    this.#waiting.set(domain, [done]);
    this.#o.files.read(domain, (kept) => this.#learn(domain, kept));
  }

  /** Every domain with a policy in force that is in memory. */
  list(): string[] {
    return [...this.#known.entries()].map(([domain]) => domain).filter((domain) => this.#fresh(domain) !== undefined);
  }

  /** What is known, nothing is asked. */
  known(domain: string): (KeptPolicy & { readonly policy: StsPolicy }) | undefined {
    return this.#fresh(domain);
  }

  /** Fetches now, whatever is known. */
  refresh(domain: string, done: (problem: string | undefined) => void): void {
    this.#failed.delete(domain);
    this.#ask(domain, (id) => {
      if (typeof id !== 'string') done(id.problem);
      else this.#fetch(domain, id, (problem) => done(problem));
    });
  }

  #fresh(domain: string): Entry | undefined {
    const entry = this.#known.get(domain);
    return entry !== undefined && isInForce(entry, entry.policy, this.#o.clock.now()) ? entry : undefined;
  }

  #learn(domain: string, kept: KeptPolicy | undefined): void {
    const policy = kept === undefined ? undefined : parseStsPolicy(kept.text);
    if (kept !== undefined && typeof policy === 'object' && isInForce(kept, policy, this.#o.clock.now())) {
      const entry: Entry = { ...kept, policy, triedAt: 0 };
      this.#known.set(domain, entry);
      this.#answer(domain, finding(entry));
      this.#look(domain, entry);
      return;
    }
    const failure = this.#failed.get(domain);
    if (failure !== undefined) return this.#answer(domain, { kind: 'none', failure });
    this.#ask(domain, (id) => {
      if (typeof id !== 'string') this.#answer(domain, { kind: 'none' });
      else if (this.#fetches >= stsLimits.FETCHES_MAX) this.#answer(domain, { kind: 'busy' });
      else
        this.#fetch(domain, id, () => {
          const entry = this.#fresh(domain);
          this.#answer(domain, entry === undefined ? { kind: 'none', failure: this.#failed.get(domain) } : finding(entry));
        });
    });
  }

  #answer(domain: string, found: StsFinding): void {
    const askers = this.#waiting.get(domain) ?? [];
    this.#waiting.delete(domain);
    for (const asker of askers) asker(found);
  }

  /** Behind an answer from what is known: whether it must be made fresh. */
  #look(domain: string, entry: Entry): void {
    const now = this.#o.clock.now();
    if (now - entry.triedAt < stsLimits.FAILED_MS || this.#fetches >= stsLimits.FETCHES_MAX) return;
    const isOld = now - entry.fetchedAt >= Math.min(stsLimits.REFRESH_MS, (entry.policy.maxAge * 1000) / 2);
    entry.triedAt = now;
    this.#ask(domain, (id) => {
      // Where the record is gone or cannot be had, the policy stays until it is over (RFC 8461 section 5.1).
      if (typeof id === 'string' && (isOld || id !== entry.id)) this.#fetch(domain, id, () => undefined);
    });
  }

  #ask(domain: string, done: (id: string | { problem: string }) => void): void {
    this.#o.dns.query(`_mta-sts.${domain}`, 'TXT', (answer) => {
      const id = answer.kind === 'records' ? stsId(textsOf(answer)) : undefined;
      const problem = answer.kind === 'failed' ? answer.reason : `_mta-sts.${domain} announces no policy`;
      done(id ?? { problem });
    });
  }

  #fetch(domain: string, id: string, done: (problem: string | undefined) => void): void {
    this.#fetches += 1;
    this.#o.fetch(domain, (fetched) => {
      this.#fetches -= 1;
      const policy = fetched.kind === 'text' ? parseStsPolicy(fetched.text) : fetched.reason;
      if (fetched.kind === 'text' && typeof policy === 'object') {
        const kept = { id, text: fetched.text, fetchedAt: this.#o.clock.now() };
        this.#failed.delete(domain);
        this.#known.set(domain, { ...kept, policy, triedAt: kept.fetchedAt });
        this.#o.files.write(domain, kept);
        done(undefined);
        return;
      }
      const reason = typeof policy === 'string' ? policy : 'the policy cannot be read';
      this.#failed.set(domain, { type: fetched.kind === 'failed' ? fetched.type : 'sts-policy-invalid', reason });
      this.#o.tell(`the MTA-STS policy of ${domain} cannot be used: ${reason}`);
      done(reason);
    });
  }
}

function finding({ policy, id }: Entry): StsFinding {
  return policy.mode === 'none' ? { kind: 'none' } : { kind: 'policy', policy, id };
}

export function isInForce(kept: KeptPolicy, policy: StsPolicy, now: number): boolean {
  return now < kept.fetchedAt + Math.max(policy.maxAge * 1000, stsLimits.LIFE_MIN_MS);
}

export function textsOf(answer: Extract<DnsAnswer, { kind: 'records' }>): string[] {
  return answer.records.flatMap((record) => (record.type === 'TXT' ? Buffer.concat([...record.chunks]).toString('latin1') : []));
}
