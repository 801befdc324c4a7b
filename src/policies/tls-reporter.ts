/**
 * TLS reports of a process: results of a period, kept over a restart, and at the end of each day (UTC) a report to each domain that asks for them.
 *
 * The one rule: a report is given to a place once; what a place did not take is tried again after RETRY_MS, twice that, and so on, TRIES_MAX times in all,
 * and then dropped and said. A day's reports leave spread over `delayMaxMs`, SENDS_MAX at a time. DUE_MAX reports wait at most. Whose records
 * say is a stranger's word: a host gets PLACE_TRIES_MAX tries a day, whoever names it, and one mailbox or URL GROUP_TRIES_MAX from all names under one
 * registered name (groupOf), so that nobody can be buried by us, and nobody can use up what is meant for others at the same host.
 * Everything is written each TICK_MS, if it changed, and at the stop: a crash loses at most that. Truth: RFC 8460 sections 3, 4 and 5.
 */
import type { Clock, Random } from '#base';
import type { Asking } from './dane-lookup.ts';
import { textsOf } from './sts-store.ts';
import { packReport, placeKey, reportJson, reportPlaces, timeOf, type ReportFacts, type ReportPlace } from './tls-report.ts';
import { formatKept, parseKept, type DueReport, type ReportFile } from './tls-report-store.ts';
import { TlsResults, type TlsBatch } from './tls-results.ts';

const DAY_MS = 86_400_000;
const WORST_MAX = 50;
export const reporterLimits = {
  TICK_MS: 60_000,
  RETRY_MS: 900_000,
  TRIES_MAX: 7,
  SENDS_MAX: 50,
  DUE_MAX: 40_000,
  PLACE_TRIES_MAX: 2_000,
  GROUP_TRIES_MAX: 50,
} as const;

export interface ReporterSettings {
  readonly organization: string;
  readonly contact: string;
  readonly delayMaxMs: number;
}

export interface ReporterPorts {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'float' | 'bytes'>;
  readonly later: (ms: number, work: () => void) => () => void;
  readonly dns: Asking;
  readonly file: ReportFile;
  /** Undefined while reports are off: what was counted stays, nothing is sent. */
  readonly settings: () => ReporterSettings | undefined;
  /** Brings a report to a place; `done` hears what went wrong. */
  readonly give: (place: ReportPlace, report: { facts: ReportFacts; packed: Buffer }, done: (problem: string | undefined) => void) => void;
  /** A NOTICE is about one report, the others about all of them. */
  readonly tell: (level: 'NOTICE' | 'WARNING' | 'ERROR', text: string) => void;
  readonly submitter: string;
  readonly limits?: Partial<{ readonly [name in keyof typeof reporterLimits]: number }> | undefined;
}

/** What an operator sees. */
export interface ReporterState {
  readonly since: number;
  readonly domains: number;
  readonly sessions: number;
  readonly failures: number;
  /** Sessions that are in no report. */
  readonly other: number;
  readonly waiting: number;
  /** Since the start. */
  readonly sent: number;
  readonly unwanted: number;
  readonly dropped: number;
  /** Most failures first. */
  readonly worst: readonly { readonly domain: string; readonly sessions: number; readonly failures: number }[];
}

export class TlsReporter {
  readonly #o: ReporterPorts;
  readonly #limits: { readonly [name in keyof typeof reporterLimits]: number };
  readonly #results = new TlsResults();
  #since: number;
  readonly #due = new Set<DueReport>();
  /** Of them: those whose time has come, in the order in which they are sent. */
  #ready: DueReport[] = [];
  readonly #underWay = new Set<DueReport>();
  #isSending = false;
  /** Tries of today by the host of the place, and by the place itself with the names that ask for it there. */
  readonly #placeTries = new Map<string, number>();
  #isChanged = false;
  #isFullTold = false;
  /** What was kept has been read: until then nothing may replace it. */
  #isOpen = false;
  #isStopped = false;
  #writing: Promise<void> = Promise.resolve();
  #stop = (): void => undefined;
  #sent = 0;
  #unwanted = 0;
  #dropped = 0;

  constructor(o: ReporterPorts) {
    this.#o = o;
    this.#limits = { ...reporterLimits, ...o.limits };
    this.#since = dayOf(o.clock.now());
  }

  /** What was kept is there again, and days begin to end. */
  async start(): Promise<void> {
    const text = await this.#o.file.read();
    const { since, other, domains, due, unusable } = parseKept(text ?? '{"end":true}');
    if (unusable > 0) this.#o.tell('ERROR', `TLS reports: of what was kept ${unusable} lines are torn or missing and are not used`);
    // What this process counted until now is of the period that begins now, should the old one be over.
    const early = this.#results.take();
    this.#results.merge({ other, domains });
    if (since !== undefined && since <= this.#o.clock.now()) this.#since = since;
    for (const one of due.slice(0, this.#limits.DUE_MAX)) this.#due.add(one);
    this.#isOpen = true;
    this.#roll();
    this.#results.merge(early);
    this.tick();
  }

  /** Results of a loop. */
  take(batch: TlsBatch): void {
    this.#roll();
    this.#results.merge(batch);
    this.#isChanged = true;
    if (this.#results.other === 0 || this.#isFullTold) return;
    this.#isFullTold = true;
    this.#o.tell(
      'WARNING',
      'TLS reports: the table of results is full; further domains, or policies of one domain, are counted together and get no report',
    );
  }

  /** Ends a day that is over, sends what is due, writes what changed; and again. */
  tick(): void {
    this.#stop();
    if (this.#isStopped) return;
    this.#stop = this.#o.later(this.#limits.TICK_MS, () => this.tick());
    this.#roll();
    this.#gather();
    this.#send();
    if (this.#isChanged) void this.#write();
  }

  /** The period ends now, and every report that waits is due. Gives how many those are. */
  sendNow(): number {
    const now = this.#o.clock.now();
    this.#roll();
    this.#end(now, 0);
    for (const due of this.#due) if (!this.#underWay.has(due)) due.at = now;
    const { size } = this.#due;
    this.tick();
    return size;
  }

  /** Everything is on disk when it is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#stop();
    if (this.#isOpen) await this.#write();
  }

  state(): ReporterState {
    const sums = [...this.#results.sums()];
    const total = (key: 'sessions' | 'failures'): number => sums.reduce((sum, one) => sum + one[key], 0);
    return {
      since: this.#since,
      domains: sums.length,
      sessions: total('sessions'),
      failures: total('failures'),
      other: this.#results.other,
      waiting: this.#due.size,
      sent: this.#sent,
      unwanted: this.#unwanted,
      dropped: this.#dropped,
      worst: sums.sort((a, b) => b.failures - a.failures || b.sessions - a.sessions).slice(0, WORST_MAX),
    };
  }

  /** The report of a domain as it would be now; undefined where nothing was counted. */
  draft(domain: string): object | undefined {
    const settings = this.#o.settings();
    const rows = this.#results.of(domain);
    if (settings === undefined || rows.length === 0) return undefined;
    return reportJson({ ...settings, id: 'not-sent-yet', domain, period: { from: this.#since, until: this.#o.clock.now() }, rows });
  }

  #roll(): void {
    const now = this.#o.clock.now();
    const today = dayOf(now);
    const day = dayOf(this.#since);
    // The clock was set back: what was counted is of the day that it is now.
    if (today < day) this.#since = today;
    if (today <= day || !this.#isOpen) return;
    this.#placeTries.clear();
    this.#end(day + DAY_MS, this.#o.settings()?.delayMaxMs ?? 0);
    this.#since = today;
  }

  #end(until: number, delayMaxMs: number): void {
    const { other, domains } = this.#results.take();
    const period = { from: this.#since, until };
    this.#since = until;
    this.#isChanged = true;
    this.#isFullTold = false;
    if (other > 0)
      this.#o.tell(
        'WARNING',
        `TLS reports: ${other} sessions since ${timeOf(period.from)} are in no report: the table of results was full`,
      );
    const room = Math.max(0, this.#limits.DUE_MAX - this.#due.size);
    if (domains.length > room) {
      this.#dropped += domains.length - room;
      this.#o.tell('WARNING', `TLS reports: ${domains.length - room} are not sent: ${this.#limits.DUE_MAX} wait already`);
    }
    for (const [domain, rows] of domains.slice(0, room)) {
      const id = `${this.#o.random.bytes(12).toString('hex')}@${this.#o.submitter}`;
      const at = this.#o.clock.now() + Math.floor(this.#o.random.float() * delayMaxMs);
      this.#due.add({ id, domain, period, rows, at, tries: 0, given: [] });
    }
  }

  /** Longer than a day ahead is none of ours: the clock was set back. */
  #gather(): void {
    const now = this.#o.clock.now();
    this.#ready = [...this.#due].filter((due) => !this.#underWay.has(due) && (due.at <= now || due.at > now + 2 * DAY_MS));
    this.#ready.sort((a, b) => b.at - a.at);
  }

  #send(): void {
    const settings = this.#o.settings();
    if (settings === undefined || this.#isSending) return;
    // An answer may be there at once: it must not begin the loop below anew inside itself.
    this.#isSending = true;
    while (!this.#isStopped && this.#underWay.size < this.#limits.SENDS_MAX) {
      const due = this.#ready.pop();
      if (due === undefined) break;
      this.#underWay.add(due);
      this.#o.dns.query(`_smtp._tls.${due.domain}`, 'TXT', (answer) => {
        if (answer.kind === 'failed') this.#late(due, answer.reason);
        else this.#give(due, settings, answer.kind === 'records' ? reportPlaces(textsOf(answer)) : []);
      });
    }
    this.#isSending = false;
  }

  #give(due: DueReport, settings: ReporterSettings, places: readonly ReportPlace[]): void {
    if (places.length === 0) this.#unwanted += 1;
    const wanted = places.filter((place) => !due.given.includes(placeKey(place)));
    const left = wanted.filter((place) => this.#mayTry(place, due.domain));
    const [refused] = wanted.filter((place) => !left.includes(place));
    if (refused !== undefined) {
      this.#dropped += 1;
      this.#o.tell(
        'NOTICE',
        `TLS report for ${due.domain} is not brought to ${placeKey(refused)}: it was tried as often today as is allowed, ${this.#limits.PLACE_TRIES_MAX} times for a host, ${this.#limits.GROUP_TRIES_MAX} for one place and the names under ${groupOf(due.domain)}`,
      );
    }
    if (left.length === 0) return this.#over(due);
    const { id, domain, period, rows } = due;
    const facts = { organization: settings.organization, contact: settings.contact, id, domain, period, rows };
    const packed = packReport(facts);
    let open = left.length;
    let worst: string | undefined;
    for (const place of left)
      this.#o.give(place, { facts, packed }, (problem) => {
        if (problem === undefined) due.given.push(placeKey(place));
        else worst = `${placeKey(place)}: ${problem}`;
        open -= 1;
        if (open > 0) return;
        if (worst !== undefined) return this.#late(due, worst);
        this.#sent += 1;
        this.#o.tell('NOTICE', `TLS report ${id} for ${domain} since ${timeOf(period.from)} went to ${due.given.join(', ')}`);
        this.#over(due);
      });
  }

  #mayTry(place: ReportPlace, domain: string): boolean {
    const bounds = [
      [place.host, this.#limits.PLACE_TRIES_MAX],
      [`${groupOf(domain)} ${placeKey(place)}`, this.#limits.GROUP_TRIES_MAX],
    ] as const;
    if (bounds.some(([key, max]) => (this.#placeTries.get(key) ?? 0) >= max)) return false;
    for (const [key] of bounds) this.#placeTries.set(key, (this.#placeTries.get(key) ?? 0) + 1);
    return true;
  }

  #late(due: DueReport, problem: string): void {
    due.at = this.#o.clock.now() + this.#limits.RETRY_MS * 2 ** due.tries;
    due.tries += 1;
    if (due.tries >= this.#limits.TRIES_MAX) {
      this.#dropped += 1;
      this.#o.tell('NOTICE', `TLS report ${due.id} for ${due.domain} is dropped after ${due.tries} tries: ${problem}`);
      this.#due.delete(due);
    }
    this.#ended(due);
  }

  #over(due: DueReport): void {
    this.#due.delete(due);
    this.#ended(due);
  }

  #ended(due: DueReport): void {
    this.#underWay.delete(due);
    this.#isChanged = true;
    this.#send();
  }

  /** One after the other, so that an older one never replaces a newer one. What it writes is as of now, whatever is counted meanwhile. */
  #write(): Promise<void> {
    this.#isChanged = false;
    const { other, domains } = this.#results.batch();
    const kept = { since: this.#since, other, domains, due: [...this.#due] };
    this.#writing = this.#writing
      .then(() => this.#o.file.write(formatKept(kept)))
      .catch((error: Error) => {
        this.#isChanged = true;
        this.#o.tell('ERROR', `results for TLS reports cannot be kept: ${error.message}`);
      });
    return this.#writing;
  }
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** The name that somebody registered, as far as that can be told without a list: the last two labels, three under such as co.uk and com.au. */
function groupOf(domain: string): string {
  const labels = domain.split('.');
  const [second = '', top = ''] = labels.slice(-2);
  return labels.slice(top.length === 2 && second.length <= 3 ? -3 : -2).join('.');
}
