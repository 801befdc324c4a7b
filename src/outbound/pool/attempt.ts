/**
 * One place in a pool on its way to a connection: host after host until one takes us.
 *
 * The one rule: hosts that failed lately are skipped, each other one is tried once in the plan's order, and a failure is remembered for
 * all queues. The end is one call: a wire with what its server can do, or the last failure. Where TLS broke, the same host is tried once more: with
 * a whole handshake if a session had been offered, then, where TLS was only wished for, in clear text (OUT-60).
 * Not here: what a failure means for mail (unreachable.ts). Truth: rules Q-07, OUT-02, OUT-42, OUT-60.
 */
import type { SendingOptions } from '#queue';
import type { HostPolicy, ReportTag } from '#policies';
import type { ConnectPort, Dial, PolicyPort } from '../ports.ts';
import { wantsLogin } from '../methods/authentication.ts';
import { replies } from '../replies.ts';
import { tlsDemand, type HostMemory } from '../route/host-memory.ts';
import { sourceFor, type Target } from '../route/targets.ts';
import { questionOf, wantsPolicy } from '../session/policy.ts';
import { Opening, type Opened, type OpeningFailure } from '../session/opening.ts';
import type { TlsPort } from '../session/tls.ts';
import type { Conversation } from '../session/trace.ts';
import { Wire, type WirePorts } from '../session/wire.ts';
import { stage } from '../stages.ts';

export interface AttemptPorts extends WirePorts {
  readonly connect: ConnectPort;
  readonly hosts: HostMemory;
  readonly tls: TlsPort;
  readonly policies?: PolicyPort | undefined;
}

export interface AttemptFailure {
  readonly kind: 'failed';
  readonly reply: string;
  readonly stage: number;
  /** The host that was tried last, '' when none was. */
  readonly remoteIp: string;
}

export interface AttemptSuccess {
  readonly kind: 'opened';
  readonly wire: Wire;
  readonly target: Target;
  readonly opened: Opened;
  /** Milliseconds from the dial to a server that can take mail. */
  readonly connectMs: number;
}

/** `limited`: what was left to try may not be connected to now, by a limit or a throttle. */
export type AttemptOutcome = AttemptSuccess | AttemptFailure | { readonly kind: 'limited' };

/** Who counts the connections to a host. */
export interface Admission {
  /** Takes what a connection to this host needs; false when a limit forbids it now. */
  admit(target: Target): boolean;
  /** The same host once more, a connection of its own: with a whole handshake, or in clear text, which is owed where a limit forbids it now. */
  admitAgain(target: Target, how: 'whole' | 'clear'): boolean;
  /** It was admitted and came to nothing. */
  failed(target: Target): void;
  /** TLS failed with it before, and clear text had no chance to be tried. */
  isClearOwed(target: Target): boolean;
}

interface AttemptOptions {
  readonly targets: readonly Target[];
  readonly options: SendingOptions;
  readonly ehloName: string;
  readonly binding: string;
  readonly domain: string;
  /** Addresses to connect from; undefined where the system may choose. */
  readonly sources: readonly string[] | undefined;
  readonly admission: Admission;
  /** Who wants to read the conversation. */
  readonly trace: (ip: string) => Conversation | undefined;
}

/** What holds for a host by the word of its people, and what a session with it is counted under. */
interface Published {
  readonly policy: HostPolicy | undefined;
  readonly report: ReportTag | undefined;
}

const NOTHING: Published = { policy: undefined, report: undefined };

export class Attempt {
  readonly #ports: AttemptPorts;
  readonly #o: AttemptOptions;
  readonly #done: (outcome: AttemptOutcome) => void;
  readonly #demand: string;
  #place = 0;
  #wire: Wire | undefined;
  #isOver = false;
  #isLimited = false;
  #dialledAt = 0;
  #last: AttemptFailure = { kind: 'failed', reply: replies.noMxReachable, stage: stage.notConnected, remoteIp: '' };

  constructor(ports: AttemptPorts, o: AttemptOptions, done: (outcome: AttemptOutcome) => void) {
    this.#ports = ports;
    this.#o = o;
    this.#done = done;
    this.#demand = tlsDemand(o.options, o.domain);
  }

  start(): void {
    while (!this.#isOver && this.#place < this.#o.targets.length) {
      const target = this.#o.targets[this.#place] as Target;
      this.#place += 1;
      const source = sourceFor(target, this.#o.sources);
      if (source === undefined || this.#ports.hosts.wait(target, { demand: this.#demand, source }) > 0) continue;
      const to = dial(target, source);
      if (this.#ports.policies !== undefined && wantsPolicy(this.#o.options)) {
        this.#ask(this.#ports.policies, target, to);
        return;
      }
      if (this.#admit(target, to)) return;
    }
    this.#end(this.#isLimited ? { kind: 'limited' } : this.#last);
  }

  cancel(): void {
    this.#isOver = true;
    this.#wire?.destroy();
  }

  /** What the host's people have published about TLS comes first; where that cannot be known now, the host is not used. */
  #ask(policies: PolicyPort, target: Target, to: Dial): void {
    const { options, domain } = this.#o;
    policies.of(questionOf(target, domain, options), (answer) => {
      if (this.#isOver) return;
      if (answer.kind !== 'unusable') {
        const policy = answer.kind === 'policy' ? answer.policy : undefined;
        if (!this.#admit(target, to, { policy, report: answer.report })) this.start();
        return;
      }
      const reply = `${answer.code} [internal] ${answer.reason}`;
      this.#last = { kind: 'failed', reply, stage: stage.notConnected, remoteIp: target.ip };
      this.#ports.hosts.fail(target, options.hostFailureRetry, { demand: this.#demand, reply });
      this.start();
    });
  }

  /** Dials, if the host's limits allow it now. */
  #admit(target: Target, to: Dial, { policy, report }: Published = NOTHING): boolean {
    if (!this.#o.admission.admit(target)) {
      this.#isLimited = true;
      return false;
    }
    const useTls = !this.#o.admission.isClearOwed(target) || policy?.isEnforced === true;
    this.#open(target, to, { useTls, mayResume: true, policy, report });
    return true;
  }

  #open(target: Target, to: Dial, { report, ...how }: Published & { useTls: boolean; mayResume: boolean }): void {
    const { options, ehloName, binding, domain } = this.#o;
    const { tls } = this.#ports;
    const configured = meantNames(target, this.#o);
    const isCounted = report !== undefined && how.useTls;
    const o = { options, ehloName, binding, names: [target.name, domain], configured, tls, ...how, isCounted };
    const opening = new Opening(o, (outcome) => {
      if (this.#isOver) return;
      // One that is tried again with a whole handshake is counted then.
      const isAgain = outcome.kind === 'failed' && outcome.isWholeWorthTrying;
      if (isCounted && !isAgain) this.#count(target, report, outcome);
      if (outcome.kind === 'opened') this.#opened(target, outcome);
      else this.#failed(target, to, { ...outcome, policy: how.policy, report });
    });
    this.#dialledAt = this.#ports.clock.mono();
    this.#wire = new Wire(this.#ports.connect(to), opening, this.#ports);
    this.#wire.trace = this.#o.trace(target.ip);
    opening.start(this.#wire);
  }

  /** For TLS reports; what failed before TLS was spoken of says nothing about it. */
  #count({ name, ip }: Target, { policy, flaw }: ReportTag, outcome: Opened | OpeningFailure): void {
    const { course } = outcome;
    const isMet = outcome.kind === 'opened' && outcome.isTls;
    const fault = course.fault ?? (isMet ? flaw : undefined);
    if (fault === undefined && !isMet) return;
    this.#ports.policies?.count?.({ domain: this.#o.domain, policy, fault, sendingIp: course.localIp, host: name, helo: course.helo, ip });
  }

  #opened(target: Target, opened: Opened): void {
    this.#ports.hosts.succeed(target, { demand: this.#demand, source: sourceFor(target, this.#o.sources) ?? '' });
    const wire = this.#wire as Wire;
    this.#end({ kind: 'opened', wire, target, opened, connectMs: this.#ports.clock.mono() - this.#dialledAt });
  }

  #failed(target: Target, to: Dial, failure: OpeningFailure & Published): void {
    this.#last = { kind: 'failed', reply: failure.reply, stage: failure.stage, remoteIp: target.ip };
    const { isWholeWorthTrying: isWhole, policy, report } = failure;
    if (isWhole || failure.isClearWorthTrying) {
      if (this.#o.admission.admitAgain(target, isWhole ? 'whole' : 'clear'))
        this.#open(target, to, { useTls: isWhole, mayResume: false, policy, report });
      else this.#end({ kind: 'limited' });
      return;
    }
    this.#o.admission.failed(target);
    const problem = this.#wire?.problem ?? '';
    const reply = told(failure.reply, problem, to);
    // An address of ours that is not here says nothing about the host to those who come from another one.
    const source = problem === 'EADDRNOTAVAIL' ? to.localAddress : undefined;
    this.#ports.hosts.fail(target, this.#o.options.hostFailureRetry, {
      reply,
      ...(source === undefined ? {} : { source }),
      ...(failure.isDemandUnmet ? { demand: this.#demand } : {}),
    });
    this.start();
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#done(outcome);
  }
}

/**
 * Whom a certificate may name to prove a server: what the operator wrote, or the domain of the mail. A password is for the operator's server
 * alone: behind a gateway that many domains share, none of these domains may collect it.
 */
function meantNames(target: Target, o: { readonly options: SendingOptions; readonly domain: string }): readonly string[] {
  if (target.isForeign) return [o.domain];
  const host = target.configured ?? target.name;
  return wantsLogin(o.options) ? [host] : [host, o.domain];
}

/** For people: what the system said says more than the reply that mail is put off with. */
function told(reply: string, problem: string, { localAddress }: Dial): string {
  switch (problem) {
    case '':
      return reply;
    case 'ECONNREFUSED':
      return 'connection refused';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to it from here';
    case 'EADDRNOTAVAIL':
      return `our address ${localAddress ?? ''} is not on this machine (Bind_Address)`;
    case 'ENOENT':
      return 'there is no such socket';
    default:
      return `no connection: ${problem}`;
  }
}

function dial(target: Target, source: string): Dial {
  const to = { ip: target.ip, port: target.port };
  if (target.isPath === true) return { ...to, isPath: true };
  return source === '' ? to : { ...to, localAddress: source };
}
