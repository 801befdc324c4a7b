/**
 * How sessions with the hosts of others ended, as TLS reports count them: by recipient domain and policy, failures with their details.
 *
 * The one rule: everything is bounded, and what goes beyond a bound is still counted. A failure whose details find no place is one of its policy's
 * `other` failures; a session whose domain or policy finds none is in `other` of the table. Bounds (tableLimits): rows (policies and details)
 * of the table and of a domain, octets of the table, octets of what a policy says.
 * Each loop has one that is emptied into the one of the first loop. Not here: days, files, sending (tls-reporter.ts). Truth: RFC 8460 section 4.
 */
export const tableLimits = {
  ROWS_MAX: 20_000,
  /** A domain whose hosts and policies change all the time does not take the place of others. */
  DOMAIN_ROWS_MAX: 200,
  OCTETS_MAX: 16 * 1024 * 1024,
  POLICY_OCTETS_MAX: 4_096,
} as const;

const REASON_MAX = 200;

/** Which policy a session was held to. */
export interface ReportedPolicy {
  readonly type: 'tlsa' | 'sts' | 'no-policy-found';
  readonly strings: readonly string[];
  readonly mxHosts: readonly string[];
}

/** `type` as in RFC 8460 section 4.3; `reason` is for people. */
export interface TlsFault {
  readonly type: string;
  readonly reason: string;
}

/** What a session is counted under. */
export interface ReportTag {
  readonly policy: ReportedPolicy;
  /** The policy itself, or the host by it, is at fault, whatever the session shows. */
  readonly flaw?: TlsFault | undefined;
}

export interface TlsOutcome {
  /** Of the recipients. */
  readonly domain: string;
  readonly policy: ReportedPolicy;
  /** undefined: the session met the policy. */
  readonly fault: TlsFault | undefined;
  readonly sendingIp: string;
  readonly host: string;
  /** As the server greeted by its EHLO reply. */
  readonly helo: string;
  readonly ip: string;
}

export interface FaultRow {
  readonly type: string;
  readonly reason: string;
  readonly sendingIp: string;
  readonly host: string;
  readonly helo: string;
  readonly ip: string;
  readonly count: number;
}

export interface PolicyRow {
  readonly policy: ReportedPolicy;
  readonly successes: number;
  readonly failures: number;
  /** Of the failures: those whose details are not told apart. */
  readonly other: number;
  readonly faults: readonly FaultRow[];
}

/** The table as plain data. */
export interface TlsBatch {
  readonly other: number;
  readonly domains: readonly (readonly [domain: string, rows: readonly PolicyRow[]])[];
}

interface Row {
  readonly policy: ReportedPolicy;
  successes: number;
  failures: number;
  other: number;
  readonly faults: Map<string, FaultRow & { count: number }>;
}

interface Domain {
  readonly rows: Map<string, Row>;
  /** Policies and details together. */
  size: number;
}

type TableLimits = { readonly [name in keyof typeof tableLimits]: number };

export class TlsResults {
  readonly #limits: TableLimits;
  #domains = new Map<string, Domain>();
  #rows = 0;
  #octets = 0;
  #other = 0;

  constructor(limits: Partial<TableLimits> = {}) {
    this.#limits = { ...tableLimits, ...limits };
  }

  /** Sessions that the table had no place for. */
  get other(): number {
    return this.#other;
  }

  get rows(): number {
    return this.#rows;
  }

  get isEmpty(): boolean {
    return this.#rows === 0 && this.#other === 0;
  }

  count({ domain, policy, fault, sendingIp, host, helo, ip }: TlsOutcome): void {
    if (!isReportable(domain)) return;
    const [found, row] = this.#row(domain, policy);
    if (row === undefined) this.#other += 1;
    else if (fault === undefined) row.successes += 1;
    else {
      row.failures += 1;
      this.#fault(found, row, { type: fault.type, reason: fault.reason.slice(0, REASON_MAX), sendingIp, host, helo, ip, count: 1 });
    }
  }

  /** Adds what another table counted. */
  merge({ other, domains }: TlsBatch): void {
    this.#other += other;
    for (const [domain, rows] of domains)
      for (const one of rows) {
        const [found, row] = this.#row(domain, one.policy);
        if (row === undefined) {
          this.#other += one.successes + one.failures;
          continue;
        }
        row.successes += one.successes;
        row.failures += one.failures;
        row.other += one.other;
        for (const fault of one.faults) this.#fault(found, row, fault);
      }
  }

  batch(): TlsBatch {
    return { other: this.#other, domains: [...this.#domains].map(([domain, { rows }]) => [domain, plainRows(rows)]) };
  }

  /** What was counted of one domain. */
  of(domain: string): PolicyRow[] {
    return plainRows(this.#domains.get(domain)?.rows ?? new Map());
  }

  /** Domains with their figures, without details. */
  *sums(): IterableIterator<{ domain: string; sessions: number; failures: number }> {
    for (const [domain, { rows }] of this.#domains) {
      let [sessions, failed] = [0, 0];
      for (const { successes, failures } of rows.values()) {
        sessions += successes + failures;
        failed += failures;
      }
      yield { domain, sessions, failures: failed };
    }
  }

  /** Everything, and begins anew. */
  take(): TlsBatch {
    const batch = this.batch();
    this.#domains = new Map();
    this.#rows = this.#octets = this.#other = 0;
    return batch;
  }

  #row(name: string, full: ReportedPolicy): [Domain, Row | undefined] {
    const policy = cutPolicy(full, this.#limits.POLICY_OCTETS_MAX);
    const key = JSON.stringify([policy.type, policy.strings, policy.mxHosts]);
    const known = this.#domains.get(name);
    const domain: Domain = known ?? { rows: new Map(), size: 0 };
    const found = domain.rows.get(key);
    if (found !== undefined || !this.#admit(domain, key.length + name.length)) return [domain, found];
    if (known === undefined) this.#domains.set(name, domain);
    const row: Row = { policy, successes: 0, failures: 0, other: 0, faults: new Map() };
    domain.rows.set(key, row);
    return [domain, row];
  }

  #fault(domain: Domain, row: Row, fault: FaultRow): void {
    const key = JSON.stringify([fault.type, fault.reason, fault.sendingIp, fault.host, fault.helo, fault.ip]);
    const known = row.faults.get(key);
    if (known !== undefined) known.count += fault.count;
    else if (this.#admit(domain, key.length)) row.faults.set(key, { ...fault });
    else row.other += fault.count;
  }

  #admit(domain: Domain, octets: number): boolean {
    const { ROWS_MAX, DOMAIN_ROWS_MAX, OCTETS_MAX } = this.#limits;
    if (this.#rows >= ROWS_MAX || domain.size >= DOMAIN_ROWS_MAX || this.#octets + octets > OCTETS_MAX) return false;
    this.#rows += 1;
    this.#octets += octets;
    domain.size += 1;
    return true;
  }
}

/** A name that can publish a wish for reports; not an address, nor what only a route of the operator's knows. */
function isReportable(domain: string): boolean {
  return domain.length <= 253 && /^(?:[a-z0-9_-]{1,63}\.)+[a-z0-9-]*[a-z][a-z0-9-]*$/.test(domain);
}

/** A policy may be long; a report needs not all of it. */
function cutPolicy(policy: ReportedPolicy, max: number): ReportedPolicy {
  const strings = cut(policy.strings, max);
  const mxHosts = cut(policy.mxHosts, max);
  return strings === policy.strings && mxHosts === policy.mxHosts ? policy : { type: policy.type, strings, mxHosts };
}

function cut(lines: readonly string[], max: number): readonly string[] {
  let left = max;
  const end = lines.findIndex((line) => (left -= line.length + 4) < 0);
  return end < 0 ? lines : lines.slice(0, end);
}

function plainRows(rows: ReadonlyMap<string, Row>): PolicyRow[] {
  return [...rows.values()].map((row) => ({ ...row, faults: [...row.faults.values()].map((fault) => ({ ...fault })) }));
}
