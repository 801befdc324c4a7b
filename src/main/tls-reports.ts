/*
 * TLS reports in a loop: each counts by itself and hands what it counted to the first loop, which keeps, makes and sends the reports.
 *
 * The one rule: without a stanza tls_rpt {} nothing is counted, handed over, read or written. What a loop counted leaves every HAND_OVER_MS, as soon as
 * it is HAND_OVER_ROWS long, and at its stop; a batch that the way to the first loop does not take stays and is handed over later.
 * Not here: what a report says and when it is due (policies), options (tls_rpt). Truth: RFC 8460.
 */
import { resolve } from 'node:path';
import { messageIdHeader, toAsciiDomain, type Clock, type Random, type TimerWheel } from '#base';
import { isProhibited } from '#dns';
import type { Intake } from '#intake';
import type { LoopLink } from '#loops';
import { formatDate, splitAddress } from '#mail';
import type { PanicLog } from '#observe';
import { postReport, reportFile, reportMail, TlsReporter, TlsResults, type ReportFacts, type TlsBatch, type TlsOutcome } from '#policies';
import type { SendingSettings } from './catalog.ts';
import type { LoopQuestions } from './loop-questions.ts';
import type { WebPorts } from './published-policies.ts';

const room = 'main.tls-results';
const HAND_OVER_MS = 5_000;
const HAND_OVER_ROWS = 1_000;

/** Where Prohibited_Hosts is not set, mail may go to these and reports may not: whoever wants one chooses the place. */
const privateNetworks = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15', 'fc00::/7'];

interface TlsReportsOptions {
  readonly link: Pick<LoopLink, 'self' | 'send' | 'onMessage'>;
  readonly intake: () => Pick<Intake, 'submit' | 'nextId'>;
  readonly settings: () => SendingSettings;
  readonly web: WebPorts;
  readonly prohibitedHosts: () => readonly string[] | undefined;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly random: Random;
  readonly panic: PanicLog;
  readonly hostname: string;
}

export class TlsReports {
  readonly #o: TlsReportsOptions;
  readonly #results = new TlsResults();
  readonly #counter = {
    count: (outcome: TlsOutcome): void => {
      this.#results.count(outcome);
      if (this.#results.rows >= HAND_OVER_ROWS) this.#handOver();
    },
  };
  /** In the first loop, from the first time that reports are on. */
  #reporter: TlsReporter | undefined;
  #opened: Promise<void> = Promise.resolve();
  #isHandingOver = false;

  constructor(o: TlsReportsOptions) {
    this.#o = o;
    if (o.link.self === 0) o.link.onMessage(room, (message) => this.#reporter?.take(message as TlsBatch));
    this.reconfigured();
  }

  /** Who counts; undefined while there are no reports. */
  readonly counter = () => (this.#o.settings().tlsReports === undefined ? undefined : this.#counter);

  reconfigured(): void {
    if (this.#o.settings().tlsReports === undefined) return;
    if (!this.#isHandingOver) {
      this.#isHandingOver = true;
      this.#handOverLater();
    }
    if (this.#o.link.self === 0 && this.#reporter === undefined) this.#open();
  }

  /** What the console may ask; only the first loop has an answer. */
  answerOn(questions: LoopQuestions): void {
    const reporter = (): TlsReporter | undefined => (this.#o.settings().tlsReports === undefined ? undefined : this.#reporter);
    questions.on('tls_rpt.gather', () => this.#handOver());
    questions.on('tls_rpt.state', () => reporter()?.state());
    questions.on('tls_rpt.draft', (domain) => reporter()?.draft(String(domain)));
    questions.on('tls_rpt.send', () => reporter()?.sendNow());
  }

  /** This loop sends no more: what it counted is handed over. */
  stop(): void {
    this.#handOver();
  }

  /** All loops have stopped. */
  async close(): Promise<void> {
    await this.#opened;
    await this.#reporter?.stop();
  }

  #handOverLater(): void {
    this.#o.wheel.schedule(HAND_OVER_MS, () => {
      this.#handOver();
      this.#handOverLater();
    });
  }

  #handOver(): void {
    if (this.#results.isEmpty) return;
    const batch = this.#results.take();
    if (this.#o.link.self === 0) this.#reporter?.take(batch);
    else if (!this.#o.link.send(0, room, batch)) this.#results.merge(batch);
  }

  #open(): void {
    const { clock, random, panic, hostname, web, settings, prohibitedHosts } = this.#o;
    const isAllowed = (ip: string): boolean => {
      const list = prohibitedHosts();
      return !isProhibited(ip, list, 'learnt') && (list !== undefined || !isProhibited(ip, privateNetworks, 'learnt'));
    };
    this.#reporter = new TlsReporter({
      clock,
      random,
      later: web.later,
      dns: web.dns,
      file: reportFile(() => resolve(settings().tlsReports?.storeFile ?? 'tls_rpt.json')),
      settings: () => {
        const now = settings().tlsReports;
        return now === undefined ? undefined : { ...now, organization: now.organization ?? hostname };
      },
      give: (place, { facts, packed }, done) =>
        place.kind === 'https'
          ? postReport({ url: place.url, packed }, { ...web, isAllowed }, done)
          : this.#mail(place.address, { facts, packed }, done),
      // One line a report is for those who want it.
      tell: (level, text) => (level === 'NOTICE' ? panic.log(level, 'SSL', text) : panic.announce(level, 'SSL', text)),
      submitter: hostname,
    });
    this.#opened = this.#reporter
      .start()
      .catch((error: Error) =>
        panic.announce('ERROR', 'SSL', `what was kept of TLS reports cannot be read, none is sent: ${error.message}`),
      );
  }

  #mail(address: string, { facts, packed }: { facts: ReportFacts; packed: Buffer }, done: (problem: string | undefined) => void): void {
    const { intake, clock, hostname, settings } = this.#o;
    const now = settings().tlsReports;
    if (now === undefined) return done('reports are off');
    const { from, fromDomain, binding } = now;
    const messageId = messageIdHeader(intake().nextId(), hostname);
    const message = reportMail({ ...facts, packed, from, to: address, submitter: hostname, messageId, date: formatDate(clock.now()) });
    const to = splitAddress(address);
    const recipient = { address, local: to.local, domain: toAsciiDomain(to.domain) ?? to.domain.toLowerCase() };
    const head = { sender: from, senderDomain: fromDomain, recipients: [recipient], binding };
    intake().submit(head, message, (error) => done(error?.message));
  }
}
