/*
 * The policies of others (DANE, MTA-STS) in a loop: given the resolver, files and HTTPS, and asked by outbound for each host.
 *
 * The one rule: without a stanza dane {} and without Use_MTA_STS nothing here asks, reads or writes anything. What concerns all loops alike
 * (what the self-test found) is said by the first one only.
 * Not here: what a policy means (policies), what follows for mail (outbound). Truth: the manual's pages of dane and MTA-STS.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Clock, TimerWheel } from '#base';
import type { Resolver as ConfigResolver } from '#config';
import { isProhibited, type Resolver as DnsResolver } from '#dns';
import type { PanicLog } from '#observe';
import {
  DaneSelfTest,
  fetchSts,
  HostPolicies,
  policyFiles,
  StsStore,
  type HostQuestion,
  type PolicyAnswer,
  type TlsOutcome,
} from '#policies';
import type { SendingSettings } from './catalog.ts';
import type { LoopQuestions } from './loop-questions.ts';

const HTTPS_PORT = 443;

interface PublishedOptions {
  readonly dns: DnsResolver;
  readonly resolver: ConfigResolver;
  readonly settings: () => SendingSettings;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly panic: PanicLog;
  readonly loop: number;
  /** Who counts for TLS reports, while there are any. */
  readonly counter: () => { count(outcome: TlsOutcome): void } | undefined;
}

/** For what others publish by HTTPS, or want to be told by it. */
export interface WebPorts {
  readonly dns: DnsResolver;
  readonly isAllowed: (ip: string) => boolean;
  readonly authorities: () => Buffer | undefined;
  readonly later: (ms: number, work: () => void) => () => void;
  readonly port: number;
}

export class PublishedPolicies {
  readonly #o: PublishedOptions;
  readonly #selfTest: DaneSelfTest;
  readonly #sts: StsStore;
  readonly #hosts: HostPolicies;
  readonly web: WebPorts;
  #isMissingTold = false;

  constructor(o: PublishedOptions) {
    this.#o = o;
    const { dns, clock, resolver } = o;
    const later = (ms: number, work: () => void): (() => void) => {
      const timer = o.wheel.schedule(ms, work);
      return () => o.wheel.cancel(timer);
    };
    this.#selfTest = new DaneSelfTest({
      provers: (name, done) => dns.provers(name, done),
      signedName: () => o.settings().dane?.signedName ?? '',
      isWanted: () => o.settings().dane !== undefined,
      tell: (level, text) => o.loop === 0 && o.panic.announce(level, 'SSL', text),
      later,
    });
    const tell = (text: string): void => o.panic.log('ERROR', 'SSL', text);
    const web: WebPorts = {
      dns,
      isAllowed: (ip: string) => !isProhibited(ip, resolver.global().prohibitedHosts, 'learnt'),
      authorities: () => authorities(resolver.global().tlsCa),
      later,
      port: HTTPS_PORT,
    };
    this.web = web;
    this.#sts = new StsStore({
      dns,
      fetch: (domain, done) => fetchSts(domain, web, done),
      files: policyFiles({ folder: () => resolve(resolver.global().mtaStsPolicyStore), tag: `${process.pid}-${o.loop}`, tell }),
      clock,
      tell,
    });
    this.#hosts = new HostPolicies({
      dns,
      sts: this.#sts,
      isDaneOn: () => this.#selfTest.isOn,
      now: () => clock.now(),
      counter: o.counter,
    });
  }

  of(question: HostQuestion, done: (answer: PolicyAnswer) => void): void {
    if (question.useDane && this.#o.settings().dane === undefined) this.#tellMissing(question.domain);
    this.#hosts.of(question, done);
  }

  count(outcome: TlsOutcome): void {
    this.#o.counter()?.count(outcome);
  }

  /** The name servers may be others now. */
  reconfigured(): void {
    this.#selfTest.test();
  }

  /** What the console may ask. */
  answerOn(questions: LoopQuestions): void {
    questions.on('dane.state', () => ({ state: this.#selfTest.state, servers: this.#selfTest.lines() }));
    questions.on('sts.list', () => this.#sts.list().slice(0, 2_000));
    questions.on('sts.show', (domain) => {
      const known = this.#sts.known(String(domain));
      if (known === undefined) return undefined;
      const { id, fetchedAt, policy } = known;
      return { id, fetchedAt, mode: policy.mode, maxAge: policy.maxAge, mx: policy.mx };
    });
    questions.on('sts.refresh', (domain) => new Promise((done) => this.#sts.refresh(String(domain), (problem) => done(problem ?? ''))));
  }

  close(): void {
    this.#selfTest.close();
  }

  #tellMissing(domain: string): void {
    if (this.#isMissingTold) return;
    this.#isMissingTold = true;
    this.#o.panic.announce('WARNING', 'SSL', `Use_DANE has no effect, for ${domain} and others: the configuration has no stanza dane { }`);
  }
}

function authorities(path: string | undefined): Buffer | undefined {
  return path === undefined || path === '' || path.toLowerCase() === 'none' ? undefined : readFileSync(path);
}
