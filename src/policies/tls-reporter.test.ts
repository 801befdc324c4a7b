import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ManualClock, seededRandom } from '#base';
import type { DnsAnswer } from '#dns';
import { placeKey, type ReportFacts } from './tls-report.ts';
import { parseKept, reportFile } from './tls-report-store.ts';
import { reporterLimits, TlsReporter, type ReporterPorts, type ReporterSettings } from './tls-reporter.ts';
import { TlsResults, tableLimits, type ReportedPolicy, type TlsFault, type TlsOutcome } from './tls-results.ts';

const HOUR = 3_600_000;
const noPolicy: ReportedPolicy = { type: 'no-policy-found', strings: [], mxHosts: [] };
const bad: TlsFault = { type: 'starttls-not-supported', reason: '' };

function outcome(domain: string, fault?: TlsFault, more: Partial<TlsOutcome> = {}): TlsOutcome {
  return { domain, policy: noPolicy, fault, sendingIp: '', host: `mx.${domain}`, helo: '', ip: '192.0.2.1', ...more };
}

/** What a loop counted. */
function counted(...outcomes: TlsOutcome[]) {
  const table = new TlsResults();
  for (const one of outcomes) table.count(one);
  return table.take();
}

const folder = mkdtempSync(join(tmpdir(), 'impetus-tlsrpt-'));
/** All that were opened: what one writes behind a test is over before its folder goes. */
const opened: TlsReporter[] = [];
after(async () => {
  for (const reporter of opened) await reporter.stop();
  rmSync(folder, { recursive: true, force: true });
});
let files = 0;

interface Sent {
  readonly place: string;
  readonly at: number;
  readonly facts: ReportFacts;
}

/** A reporter whose time passes by `pass`; everybody wants reports by mail unless `records` says otherwise. */
class Office {
  readonly clock = new ManualClock(Date.UTC(2026, 10, 28, 9));
  readonly sent: Sent[] = [];
  readonly told: string[] = [];
  readonly records = new Map<string, DnsAnswer>();
  readonly path = join(folder, `${(files += 1)}.json`);
  settings: ReporterSettings | undefined = { organization: 'Us', contact: 'tls@us.test', delayMaxMs: 4 * HOUR };
  /** What goes wrong at a place. */
  problem: (place: string) => string | undefined = () => undefined;
  reporter: TlsReporter;
  readonly #limits: ReporterPorts['limits'];
  #timers: { at: number; work: () => void }[] = [];

  constructor(limits: ReporterPorts['limits'] = {}) {
    this.#limits = limits;
    this.reporter = this.#open();
  }

  wants(domain: string, text: string): void {
    const record = { type: 'TXT' as const, name: 'x', ttl: 1, chunks: [Buffer.from(text)] };
    this.records.set(`_smtp._tls.${domain}`, { kind: 'records', name: 'x', records: [record], ttl: 1, isAuthenticated: false });
  }

  /** The server stops and starts again. */
  async restart(o: { isCrash?: boolean; change?: (text: string) => string } = {}): Promise<void> {
    if (o.isCrash !== true) await this.reporter.stop();
    this.#timers = [];
    if (o.change !== undefined) writeFileSync(this.path, o.change(readFileSync(this.path, 'utf8')));
    this.reporter = this.#open();
    await this.reporter.start();
  }

  pass(ms: number): void {
    const end = this.clock.now() + ms;
    for (;;) {
      const [next] = this.#timers.sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#timers.shift();
      this.clock.advance(Math.max(0, next.at - this.clock.now()));
      next.work();
    }
    this.clock.advance(end - this.clock.now());
  }

  #open(): TlsReporter {
    const made = new TlsReporter({
      clock: this.clock,
      random: seededRandom(6),
      later: (ms, work) => {
        const timer = { at: this.clock.now() + ms, work };
        this.#timers.push(timer);
        return () => (this.#timers = this.#timers.filter((one) => one !== timer));
      },
      dns: {
        query: (name, _type, done) => {
          if (!this.records.has(name))
            this.wants(name.replace('_smtp._tls.', ''), `v=TLSRPTv1; rua=mailto:r@${name.replace('_smtp._tls.', '')}`);
          done(this.records.get(name) as DnsAnswer);
        },
      },
      file: reportFile(() => this.path),
      settings: () => this.settings,
      give: (place, { facts }, done) => {
        const problem = this.problem(placeKey(place));
        if (problem === undefined) this.sent.push({ place: placeKey(place), at: this.clock.now(), facts });
        done(problem);
      },
      tell: (_level, text) => this.told.push(text),
      submitter: 'mx.us.test',
      limits: this.#limits,
    });
    opened.push(made);
    return made;
  }
}

async function openOffice(limits?: ReporterPorts['limits']): Promise<Office> {
  const made = new Office(limits);
  await made.reporter.start();
  return made;
}

test('a day on a simulated clock ends with one report per domain that wants one, spread over Report_Delay_Max, whatever loops counted', async () => {
  const office = await openOffice();
  const domains = Array.from({ length: 200 }, (_, i) => `d${i}.test`);
  for (const domain of domains) {
    office.reporter.take(counted(outcome(domain)));
    office.reporter.take(counted(outcome(domain, bad), outcome(domain)));
  }
  office.records.set('_smtp._tls.d7.test', { kind: 'nxdomain', ttl: 1, isAuthenticated: false });
  office.wants('d8.test', 'v=TLSRPTv1; rua=mailto:a@d8.test,https://d8.test/in');
  office.pass(14 * HOUR);
  assert.equal(office.sent.length, 0);
  office.pass(HOUR + 4 * HOUR + reporterLimits.TICK_MS);
  assert.deepEqual(
    office.sent.map(({ place }) => place).sort(),
    [
      ...domains.filter((domain) => !['d7.test', 'd8.test'].includes(domain)).map((domain) => `mailto:r@${domain}`),
      'https://d8.test/in',
      'mailto:a@d8.test',
    ].sort(),
  );
  const [first] = office.sent as [Sent, ...Sent[]];
  assert.deepEqual(first.facts.period, { from: Date.UTC(2026, 10, 28), until: Date.UTC(2026, 10, 29) });
  assert.deepEqual([first.facts.rows[0]?.successes, first.facts.rows[0]?.failures], [2, 1]);
  const hours = new Set(office.sent.map(({ at }) => Math.floor((at - Date.UTC(2026, 10, 29)) / HOUR)));
  assert.ok(
    [0, 1, 2, 3].every((hour) => hours.has(hour)),
    [...hours].join(),
  );
  assert.equal(new Set(office.sent.map(({ facts }) => facts.id)).size, 199);
  const { waiting, sent, unwanted, domains: left } = office.reporter.state();
  assert.deepEqual([waiting, sent, unwanted, left], [0, 199, 1, 0]);
  office.pass(48 * HOUR);
  assert.equal(office.sent.length, 200);
});

test('a restart keeps the counts of the day and the reports that wait, also after a crash as of the last minute, and over midnight', async () => {
  const office = await openOffice();
  office.reporter.take(counted(outcome('a.test'), outcome('a.test', bad)));
  office.pass(reporterLimits.TICK_MS);
  for (let i = 0; i < 1_000 && !existsSync(office.path); i += 1) await new Promise((done) => setImmediate(done));
  office.reporter.take(counted(outcome('lost.test')));
  await office.restart({ isCrash: true });
  office.reporter.take(counted(outcome('a.test', bad)));
  assert.deepEqual(office.reporter.state().worst, [{ domain: 'a.test', sessions: 3, failures: 2 }]);
  // Down over midnight: the day that ended meanwhile gets its report, what is counted before the file is read belongs to the new one.
  await office.reporter.stop();
  office.clock.advance(24 * HOUR);
  await office.restart();
  assert.equal(office.reporter.state().waiting, 1);
  office.reporter.take(counted(outcome('b.test')));
  await office.restart();
  assert.deepEqual([office.reporter.state().waiting, office.reporter.state().domains], [1, 1]);
  office.pass(5 * HOUR);
  assert.deepEqual(
    office.sent.map(({ place, facts }) => [place, facts.period.until, facts.rows[0]?.failures]),
    [['mailto:r@a.test', Date.UTC(2026, 10, 29), 2]],
  );
});

test('a torn Store_File: whole lines are used, others counted and said; nothing of a wrong shape is believed', async () => {
  const office = await openOffice();
  office.reporter.take(counted(outcome('a.test', bad), outcome('b.test', bad)));
  await office.restart({ change: (text) => text.slice(0, text.indexOf('b.test') + 3) });
  assert.deepEqual(
    office.reporter.state().worst.map(({ domain }) => domain),
    ['a.test'],
  );
  assert.match(office.told.join(), /of what was kept 2 lines are torn or missing/);
  const whole = parseKept(`{"tlsReports":1,"since":5,"other":0}\n{"end":true}\n`);
  assert.deepEqual(whole, { since: 5, other: 0, domains: [], due: [], unusable: 0 });
  for (const line of [
    '\0\0\0',
    '[]',
    'null',
    '{"tlsReports":2,"since":1,"other":0}',
    '{"domain":"a.test","rows":[{}]}',
    '{"domain":"a.test","rows":[{"policy":{"type":"x","strings":[],"mxHosts":[]},"successes":1,"failures":0,"other":0,"faults":[]}]}',
    '{"domain":"a.test","rows":[{"policy":{"type":"sts","strings":[],"mxHosts":[]},"successes":-1,"failures":0,"other":0,"faults":[]}]}',
    '{"domain":"a.test","rows":[{"policy":{"type":"sts","strings":[],"mxHosts":[]},"successes":1,"failures":1,"other":0,"faults":[{"count":1}]}]}',
    '{"due":{"id":"x"}}',
  ])
    assert.equal(parseKept(`${line}\n{"end":true}`).unusable, 1, line);
  // What cannot be read at all is left as it is.
  const blocked = new Office();
  mkdirSync(blocked.path);
  await assert.rejects(blocked.reporter.start(), /EISDIR/);
  await blocked.reporter.stop();
  assert.deepEqual(readdirSync(blocked.path), []);
  assert.equal(existsSync(`${blocked.path}.new`), false);
});

test('a place that does not take it is tried again, later each time, and then dropped; another place of the same report gets it once', async () => {
  const office = await openOffice();
  office.wants('a.test', 'v=TLSRPTv1; rua=mailto:good@a.test,https://bad.a.test/');
  office.settings = { organization: 'Us', contact: 'x', delayMaxMs: 0 };
  let tries = 0;
  office.problem = (place) => (place.startsWith('https') ? ((tries += 1), 'answered with status 500') : undefined);
  office.reporter.take(counted(outcome('a.test')));
  assert.equal(office.reporter.sendNow(), 1);
  assert.equal(tries, 1);
  office.pass(reporterLimits.RETRY_MS + reporterLimits.TICK_MS);
  assert.equal(tries, 2);
  office.pass(reporterLimits.RETRY_MS);
  assert.equal(tries, 2);
  office.pass(24 * HOUR);
  assert.equal(tries, reporterLimits.TRIES_MAX);
  assert.equal(office.sent.length, 1);
  assert.match(office.told.join('\n'), /for a\.test is dropped after 7 tries: https:\/\/bad\.a\.test\/: answered with status 500/);
  // No answer about the record is no answer; it is asked again.
  office.records.set('_smtp._tls.b.test', { kind: 'failed', failure: 'servfail', reason: 'sick' });
  office.reporter.take(counted(outcome('b.test')));
  office.reporter.sendNow();
  assert.equal(office.reporter.state().waiting, 1);
  office.wants('b.test', 'v=TLSRPTv1; rua=mailto:b@b.test');
  office.pass(HOUR);
  assert.equal(office.sent.at(-1)?.place, 'mailto:b@b.test');
});

test('tls_rpt send: the period ends now, and the next report begins there and ends with the day', async () => {
  const office = await openOffice();
  office.reporter.take(counted(outcome('a.test')));
  const nine = office.clock.now();
  office.reporter.sendNow();
  office.pass(HOUR);
  office.reporter.take(counted(outcome('a.test', bad)));
  const draft = office.reporter.draft('a.test') as { 'date-range': object };
  assert.deepEqual(draft['date-range'], { 'start-datetime': '2026-11-28T09:00:00Z', 'end-datetime': '2026-11-28T09:59:59Z' });
  assert.equal(office.reporter.draft('b.test'), undefined);
  office.pass(20 * HOUR);
  assert.deepEqual(
    office.sent.map(({ facts }) => facts.period),
    [
      { from: Date.UTC(2026, 10, 28), until: nine },
      { from: nine, until: Date.UTC(2026, 10, 29) },
    ],
  );
  // Off: what is counted stays.
  office.settings = undefined;
  office.reporter.take(counted(outcome('a.test')));
  office.pass(48 * HOUR);
  assert.deepEqual([office.sent.length, office.reporter.state().waiting], [2, 1]);
});

test('A52: nobody is buried by records that name him: places at one host get a bounded number of tries a day, and the rest is said', async () => {
  const office = await openOffice({ PLACE_TRIES_MAX: 10, SENDS_MAX: 3 });
  const evil = Array.from({ length: 50 }, (_, i) => `evil${i}.test`);
  for (const [i, domain] of evil.entries()) {
    office.wants(domain, `v=TLSRPTv1; rua=mailto:victim${i}@victim.test,mailto:x${i}@victim.test,https://victim.test/${i}`);
    office.reporter.take(counted(outcome(domain)));
  }
  office.reporter.take(counted(outcome('good.test')));
  office.reporter.sendNow();
  office.pass(HOUR);
  assert.equal(office.sent.filter(({ place }) => place.includes('victim.test')).length, 10);
  assert.ok(office.sent.some(({ place }) => place === 'mailto:r@good.test'));
  assert.match(
    office.told.join('\n'),
    /is not brought to \S*victim\.test\S*: it was tried as often today as is allowed, 10 times for a host/,
  );
  assert.equal(office.reporter.state().waiting, 0);
  // The next day begins anew.
  office.pass(24 * HOUR);
  office.reporter.take(counted(outcome('evil1.test')));
  office.reporter.sendNow();
  assert.equal(office.sent.filter(({ place }) => place.includes('victim.test')).length, 13);
});

test('A52: many names below one that somebody registered bring one mailbox a bounded number of reports a day, and others at its host still get theirs', async () => {
  const office = await openOffice({ GROUP_TRIES_MAX: 5 });
  const ask = (domain: string, address: string): void => {
    office.wants(domain, `v=TLSRPTv1; rua=mailto:${address}`);
    office.reporter.take(counted(outcome(domain)));
  };
  for (let i = 0; i < 40; i += 1) {
    ask(`a${i}.b${i % 3}.evil.test`, 'victim@box.test');
    ask(`x${i}.evil.co.uk`, 'victim@box.test');
    ask(`firm${i}.co.uk`, 'reports@box.test');
    ask(`plain${i}.test`, 'reports@box.test');
  }
  ask('evil.test', 'other@box.test');
  office.reporter.sendNow();
  office.pass(HOUR);
  const sent = (address: string): number => office.sent.filter(({ place }) => place === `mailto:${address}`).length;
  assert.deepEqual([sent('victim@box.test'), sent('reports@box.test'), sent('other@box.test')], [10, 80, 1]);
  assert.match(office.told.join('\n'), /is not brought to mailto:victim@box\.test: .*5 for one place and the names under evil\.co\.uk/);
  assert.equal(office.reporter.state().waiting, 0);
});

test('bounds: rows of the table and of a domain, octets, reports that wait; what is beyond is counted and said', async () => {
  const table = new TlsResults({ ROWS_MAX: 4, DOMAIN_ROWS_MAX: 3 });
  for (let i = 0; i < 10; i += 1) table.count(outcome('a.test', bad, { ip: `192.0.2.${i}` }));
  assert.deepEqual([table.rows, table.of('a.test')[0]?.failures, table.of('a.test')[0]?.other, table.other], [3, 10, 8, 0]);
  table.count(outcome('b.test'));
  table.count(outcome('c.test'));
  table.count(outcome('d.test', bad));
  table.count(outcome('a.test', undefined, { policy: { type: 'sts', strings: ['x'], mxHosts: [] } }));
  assert.deepEqual([table.rows, table.other, table.take().other, table.isEmpty], [4, 3, 3, true]);
  // Nothing is lost between loops either.
  const sum = new TlsResults({ ROWS_MAX: 1 });
  sum.merge(counted(outcome('a.test', bad), outcome('b.test', bad), outcome('b.test')));
  assert.deepEqual([sum.of('a.test')[0]?.other, sum.other], [1, 2]);
  // A policy of 64 KB, and a reason of any length, are cut.
  const long = new TlsResults({ OCTETS_MAX: 12_000 });
  const strings = Array.from({ length: 5_000 }, (_, i) => `mx: host${i}.a.test`);
  for (const domain of ['a.test', 'b.test', 'c.test', 'd.test'])
    long.count(
      outcome(domain, { type: 'validation-failure', reason: 'r'.repeat(9_999) }, { policy: { type: 'sts', strings, mxHosts: strings } }),
    );
  const [row] = long.of('a.test');
  assert.ok(JSON.stringify(row).length < 3 * tableLimits.POLICY_OCTETS_MAX, String(JSON.stringify(row).length));
  assert.equal(long.other, 3);
  // What cannot publish a record is not counted.
  const odd = new TlsResults();
  for (const domain of ['localhost', '192.0.2.1', '[192.0.2.1]', 'a"b.test', `${'a.'.repeat(130)}test`, 'x\r\ny.test', ''])
    odd.count(outcome(domain));
  assert.equal(odd.isEmpty, true);
  const office = await openOffice({ DUE_MAX: 2 });
  office.settings = undefined;
  office.reporter.take(counted(outcome('a.test'), outcome('b.test'), outcome('c.test')));
  office.reporter.take({ other: 7, domains: [] });
  office.reporter.sendNow();
  const { waiting, dropped } = office.reporter.state();
  assert.deepEqual([waiting, dropped], [2, 1]);
  assert.match(
    office.told.join('\n'),
    /the table of results is full[\s\S]*7 sessions since 2026-11-28T00:00:00Z are in no report[\s\S]*1 are not sent: 2 wait already/,
  );
});

test('a clock that was set ahead and back holds no report for a year', async () => {
  const office = await openOffice();
  const now = office.clock.now();
  office.clock.set(now + 365 * 24 * HOUR);
  office.reporter.take(counted(outcome('a.test')));
  office.reporter.tick();
  office.clock.set(office.clock.now() + 24 * HOUR);
  office.reporter.take(counted(outcome('b.test')));
  office.clock.set(now);
  office.reporter.tick();
  assert.equal(office.sent.length, 1);
  office.clock.advance(24 * HOUR);
  office.reporter.tick();
  office.clock.advance(5 * HOUR);
  office.reporter.tick();
  assert.equal(office.sent.length, 2);
});
