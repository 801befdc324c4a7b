/**
 * The plan of a queue: made once, believed for its life, with the addresses that we connect from.
 *
 * The one rule: one question at a time; who asks while it is being answered is told to wait and is called. Failures of look-ups are counted here,
 * in a row: they decide when the domain is asked for its addresses alone, and when its mail fails for good (OUT-25).
 * Not here: the plan itself (route), what a failure does to the queue (unreachable.ts). Truth: rules OUT-02, OUT-25.
 */
import { parseIp, type Clock } from '#base';
import type { DomainQueue } from '#queue';
import type { DnsPort } from '../ports.ts';
import type { Plan, Planner } from '../route/planner.ts';
import type { Target } from '../route/targets.ts';
import { replies } from '../replies.ts';

export type FailedPlan = Extract<Plan, { kind: 'failed' }>;
/** `sources`: canonical addresses to connect from, one or more families; undefined where the system may choose. */
export type Way = Extract<Plan, { kind: 'targets' }> & { readonly sources: readonly string[] | undefined };

interface KeeperOptions {
  readonly queue: DomainQueue;
  readonly planner: Planner;
  readonly dns: DnsPort;
  readonly clock: Pick<Clock, 'mono'>;
  /** A plan that was waited for is there. */
  readonly ready: () => void;
}

export class PlanKeeper {
  readonly #o: KeeperOptions;
  #plan: Way | FailedPlan | undefined;
  #until = 0;
  #isPlanning = false;
  /** Plans that were asked for before it are not believed. */
  #generation = 0;
  #lookupFailures = 0;
  #mxFailures = 0;

  constructor(o: KeeperOptions) {
    this.#o = o;
  }

  get isPlanning(): boolean {
    return this.#isPlanning;
  }

  /** The way in force, or a failure, which is told once; undefined while it is being looked for. */
  current(): Way | FailedPlan | undefined {
    const plan = this.#plan;
    if (plan?.kind === 'failed') {
      this.#plan = undefined;
      return plan;
    }
    if (plan !== undefined && this.#o.clock.mono() < this.#until) return plan;
    if (this.#isPlanning) return undefined;
    return this.#ask();
  }

  /** Where the way that was found last led to, believed or not; nothing is asked. */
  get known(): { readonly targets: readonly Target[]; readonly sources: readonly string[] | undefined } {
    return this.#plan?.kind === 'targets' ? this.#plan : { targets: [], sources: undefined };
  }

  forget(): void {
    this.#plan = undefined;
    this.#generation += 1;
    this.#isPlanning = false;
  }

  /** Counts a failure; true when the mail of the domain fails for good. */
  isLastStraw(plan: FailedPlan): boolean {
    if (plan.isLookup) this.#lookupFailures += 1;
    if (plan.isMx) this.#mxFailures += 1;
    const { dnsFailuresToPurge } = this.#o.queue.options;
    if (!plan.isLookup || dnsFailuresToPurge <= 0 || this.#lookupFailures < dnsFailuresToPurge) return false;
    this.#lookupFailures = this.#mxFailures = 0;
    return true;
  }

  #ask(): Way | FailedPlan | undefined {
    const { queue, planner } = this.#o;
    const { mxFailuresFallbackToA, bindAddress, bindAddressSecondary } = queue.options;
    const isAddressOnly = mxFailuresFallbackToA > 0 && this.#mxFailures >= mxFailuresFallbackToA;
    this.#generation += 1;
    const generation = this.#generation;
    this.#isPlanning = true;
    let isAtOnce = true;
    const found = (plan: Way | FailedPlan): void => {
      if (generation !== this.#generation) return;
      this.#isPlanning = false;
      this.#keep(plan, isAddressOnly);
      if (!isAtOnce) this.#o.ready();
    };
    planner.plan(queue, isAddressOnly, (plan) => {
      if (generation !== this.#generation) return;
      if (plan.kind === 'failed') found(plan);
      else
        this.#sources(bindAddress, (sources) => {
          if (sources === 'none') found(noSource);
          else found({ ...plan, sources: withSecondary(sources, bindAddressSecondary) });
        });
    });
    isAtOnce = false;
    return this.#isPlanning ? undefined : this.current();
  }

  #keep(plan: Way | FailedPlan, isAddressOnly: boolean): void {
    this.#plan = plan;
    // The addresses of the domain were no way either: the next look-up asks for its MX records again.
    if (isAddressOnly) this.#mxFailures = 0;
    if (plan.kind === 'failed') return;
    this.#until = this.#o.clock.mono() + plan.lifeMs;
    this.#lookupFailures = this.#mxFailures = 0;
  }

  /** OUT-02: an address, `*`, or the name of a host, which is looked up. */
  #sources(bindAddress: string | undefined, done: (sources: readonly string[] | undefined | 'none') => void): void {
    if (bindAddress === undefined || bindAddress === '' || bindAddress === '*') {
      done(undefined);
      return;
    }
    const own = parseIp(bindAddress.replace(/^\[(.*)\]$/, '$1'));
    if (own !== undefined) {
      done([own.text]);
      return;
    }
    this.#o.dns.hostAddresses(bindAddress, (plan) => {
      const addresses = plan.kind === 'hosts' ? plan.hosts.flatMap((host) => host.addresses) : [];
      done(addresses.length === 0 ? 'none' : addresses);
    });
  }
}

/** Bind_Address_Secondary is the address of its family, and leaves the other family as Bind_Address has it. */
function withSecondary(sources: readonly string[] | undefined, secondary: string | undefined): readonly string[] | undefined {
  const own = secondary === undefined ? undefined : parseIp(secondary.replace(/^\[(.*)\]$/, '$1'));
  if (own === undefined) return sources;
  // The system chooses for the family that nobody spoke of.
  const others = sources ?? [own.family === 6 ? '0.0.0.0' : '::'];
  return [...others.filter((address) => address.includes(':') !== (own.family === 6)), own.text];
}

const noSource: FailedPlan = { kind: 'failed', reply: replies.noSource, isPermanent: false, isLookup: false, isMx: false };
