/*
 * One event loop at work: the rooms of the way of a message, wired to each other on this thread.
 *
 * The one rule: construction order is the order in which mail flows; a room gets narrow ports, never the runtime.
 * Configuration comes as changes: prepared (sockets opened, stores made) and then committed or aborted, all loops alike.
 * Not here: what any room does. Truth: ARCHITECTURE.md, sections 5, 7 and 8.
 */
import { isDeepStrictEqual } from 'node:util';
import { Authenticator } from '#auth';
import { MessageIdSource, systemClock, systemRandom, TimerWheel } from '#base';
import { applyChanges, type Resolver, type Snapshot, type SnapshotChanges } from '#config';
import { PhaseRunner, type MailboxStore } from '#hooks';
import { EsmtpService, type SessionCell } from '#inbound';
import { EDITABLE_BYTES, EDITABLE_TOTAL_BYTES, Intake, receptionRecorder, ResidentBudget, type BindingPort } from '#intake';
import { LimitTable } from '#limits';
import { LoopLink } from '#loops';
import { TicketSecret, TlsContexts } from '#net';
import { deskAnswers } from '#desk';
import { Counters, PanicLog, RecordBatcher, WriterOutlet } from '#observe';
import { Queues } from '#queue';
import { InstanceLease, Spool } from '#spool';
import { availableMemory } from './available-memory.ts';
import { LateBounceRules } from './bounce-rules.ts';
import { bounceSetup, makeStores, type SendingSettings, sendingSettings, signingSetup, type SigningSetup, wantedFacts } from './catalog.ts';
import { doorNotices } from './door-notices.ts';
import { excludedKeys } from './excluded-keys.ts';
import { inboundThrottles } from './inbound-throttles.ts';
import { dhParamsOf, listenerProblem, offeredElsewhere } from './listener-check.ts';
import { LoopDelay } from './loop-delay.ts';
import { LoopHealth } from './loop-health.ts';
import { LoopQuestions } from './loop-questions.ts';
import { LogFacts } from './log-facts.ts';
import type { LoopAnswer, LoopBirth, LoopOrder } from './messages.ts';
import { answerForRooms } from './loop-views.ts';
import { noticePort } from './notices.ts';
import { bindingNamed, bindingPort, optionsPort } from './options-port.ts';
import { isBounceAddress, type OobPorts } from './oob-bounces.ts';
import { Outgoing } from './outgoing.ts';
import { receptionTimer } from './reception-timer.ts';
import { replyPatterns } from './reply-patterns.ts';
import { Shard } from './shard.ts';
import { SpoolImports, type ImportOrder } from './spool-import.ts';
import { Signing } from './signing.ts';
import { debugFlagsOf, resolverOf } from './site.ts';
import { esmtpStanzas } from './stanzas.ts';
import { Validation } from './validation.ts';

export class LoopRuntime {
  readonly #link: LoopLink;
  readonly #birth: LoopBirth;
  readonly #wheel: TimerWheel;
  readonly #panic: PanicLog;
  readonly #records: RecordBatcher;
  readonly #counters: Counters;
  readonly #resolver: Resolver;
  readonly #spool: Spool;
  readonly #lease: InstanceLease;
  readonly #validation: Validation;
  readonly #queues: Queues;
  readonly #shard: Shard;
  readonly #service: EsmtpService;
  readonly #outgoing: Outgoing | undefined;
  readonly #health: LoopHealth;
  readonly #tls: TlsContexts;
  readonly #questions = new LoopQuestions();
  /** Shared with intake and sessions; a commit replaces what is in it. */
  readonly #stores: MailboxStore[] = [];
  #sending: SendingSettings;
  #reloads = 0;
  readonly #signing: Signing;
  readonly #bounces: LateBounceRules;
  #prepared:
    { snapshot: Snapshot; changes: SnapshotChanges; stores: MailboxStore[]; sending: SendingSettings; signing: SigningSetup } | undefined;
  #isRecovering = false;

  static async open(link: LoopLink, birth: LoopBirth): Promise<LoopRuntime> {
    const clock = systemClock;
    const panicOf: { log?: PanicLog } = {};
    const wheel = new TimerWheel({
      clock,
      onError: (error) =>
        panicOf.log?.announce(
          'CRITICAL',
          'ERROR',
          `a timer failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        ),
    });
    wheel.start();
    // Requests to other threads have deadlines.
    LoopLink.here({ timers: wheel });
    const outlet = new WriterOutlet(link);
    const panic = new PanicLog({ clock, timers: wheel, write: outlet.writePanic });
    panicOf.log = panic;
    link.onFault((fault) => panic.announce('CRITICAL', 'ERROR', `${fault.what} (${fault.room}): ${fault.error?.stack ?? ''}`));
    const resolver = resolverOf(applyChanges(undefined, birth.configuration));
    const tell = (text: string) => panic.announce('ERROR', 'FD', text);
    const global = resolver.global();
    const spool = await Spool.open({
      dir: birth.spoolDirectory,
      loop: link.self,
      loops: link.count,
      clock,
      panic: tell,
      durable: global.forceFsync !== false,
      fileMode: global.spoolMode,
      largeMessageBytes: global.largeMessageThreshold,
      later: (ms, work) => void wheel.schedule(ms, work),
    });
    const lease = await InstanceLease.acquire({
      dir: birth.spoolDirectory,
      loop: link.self,
      random: systemRandom,
      fileMode: global.spoolMode,
      panic: tell,
    });
    const records = new RecordBatcher({ post: outlet.postRecords, timers: wheel, panic });
    const bounces = new LateBounceRules(() => bounceSetup(resolver), { clock, timers: wheel, tell });
    const match = replyPatterns();
    const ask: { query?: Outgoing['dnsQuery'] } = {};
    const validation = new Validation({
      wheel,
      panic,
      limits: birth.policyLimits,
      loop: link.self,
      send: (room, message) => link.send('main', room, message),
      query: (name, type, done) =>
        ask.query === undefined
          ? done({ kind: 'failed', failure: 'no_servers', reason: 'nothing is resolved here' })
          : ask.query(name, type, done),
      records,
      bounces: { resolver, match, rules: () => bounces.get() },
    });
    await validation.prepare(resolver.snapshot);
    validation.commit();
    return new LoopRuntime({ link, birth, wheel, panic, records, bounces, match, resolver, spool, lease, validation, ask });
  }

  private constructor(o: {
    link: LoopLink;
    birth: LoopBirth;
    wheel: TimerWheel;
    panic: PanicLog;
    records: RecordBatcher;
    bounces: LateBounceRules;
    match: OobPorts['match'];
    resolver: Resolver;
    spool: Spool;
    lease: InstanceLease;
    validation: Validation;
    ask: { query?: Outgoing['dnsQuery'] };
  }) {
    const { link, birth, wheel, panic, resolver, spool, lease, match } = o;
    this.#bounces = o.bounces;
    this.#link = link;
    this.#birth = birth;
    this.#wheel = wheel;
    this.#panic = panic;
    this.#resolver = resolver;
    this.#spool = spool;
    this.#lease = lease;
    const clock = systemClock;
    panic.flags = debugFlagsOf(resolver);
    this.#counters = Counters.attach(birth.counters, link.self + 1);
    this.#records = o.records;
    const limits = LimitTable.attach(birth.limits, { loop: link.self, clock });
    const stores = this.#stores;
    stores.push(...makeStores(resolver.snapshot, { host: birth.hostname, clock }));
    this.#sending = sendingSettings(resolver.snapshot);
    this.#signing = new Signing({
      resolver,
      clock,
      panic,
      marker: () => {
        const fbl = o.validation.fbl;
        if (fbl?.settings.autoLog !== true) return undefined;
        return (view) =>
          fbl.mark(
            view,
            ({ bindingGroup, binding, domain }) => resolver.sending(bindingGroup, binding, domain).enableFblHeaderInsertion === true,
          );
      },
    });
    this.#signing.configure(signingSetup(resolver.snapshot));
    this.#validation = o.validation;
    const phases = new PhaseRunner({ modules: o.validation.modules, wheel, panic });
    o.validation.serve(phases);
    const intakeOf: { intake?: Intake } = {};
    const options = optionsPort(resolver);
    const facts = new LogFacts(resolver, wantedFacts);
    const notices = noticePort({ intake: () => intakeOf.intake!, clock, random: systemRandom, hostname: birth.hostname });
    this.#queues = new Queues({
      resolver: options,
      spool,
      notices,
      clock,
      wheel,
      random: systemRandom,
      records: this.#records,
      counters: this.#counters,
      panic,
      facts: facts.of,
      isBounceAddress: (sender, { bouncePattern }) => isBounceAddress(sender, bouncePattern, match),
      rendering: () => {
        const { asyncBounceRendering, softBounceDrainRate } = resolver.global();
        return { isAsync: asyncBounceRendering, perPass: softBounceDrainRate };
      },
      isDelayTold: () => this.#sending.isDelayTold,
    });
    this.#shard = new Shard({
      link,
      spool,
      queues: this.#queues,
      panic,
      queueName: (group, binding, domain) => options.domainGateway(group, binding, domain)?.toLowerCase() ?? domain,
      loadEnvelope: (batchId, done) => spool.loadEnvelope(batchId, (_error, envelope) => done(envelope)),
      forgetsNotes: () => spool.forgetsNotes,
      flushNotes: () => spool.flush(),
    });
    const intake = new Intake({
      ids: new MessageIdSource({
        instance: lease.instance,
        clock,
        lastSlot: lease.lastSlot,
        persistSlot: (upTo) => lease.persistSlot(upTo),
      }),
      clock,
      spool,
      stores,
      accepted: this.#shard,
      phases,
      bindings: bindingPort(resolver),
      signer: () => (this.#signing.isActive ? this.#signing : undefined),
      resident: new ResidentBudget({ perMessage: resolver.global().largeMessageThreshold }),
      editable: new ResidentBudget({ perMessage: EDITABLE_BYTES, total: EDITABLE_TOTAL_BYTES }),
      panic,
      tell: doorNotices({ notices, resolver, records: this.#records, counters: this.#counters, clock }),
      received: receptionRecorder({ records: this.#records, counters: this.#counters, clock, facts: facts.of }),
      note: facts.note,
      excludedConnection: excludedKeys(resolver, 'excludeVctxConn'),
      excludedMessage: excludedKeys(resolver, 'excludeVctxMess'),
    });
    intakeOf.intake = intake;
    this.#outgoing = birth.without.includes('queue')
      ? undefined
      : new Outgoing({
          queues: this.#queues,
          resolver,
          clock,
          wheel,
          random: systemRandom,
          counters: this.#counters,
          panic,
          limits,
          hostname: birth.hostname,
          link,
          intake: () => intake,
          settings: () => this.#sending,
        });
    if (this.#outgoing !== undefined) o.ask.query = this.#outgoing.dnsQuery;
    this.#health = new LoopHealth({
      clock,
      wheel,
      panic,
      goals: () => resolver.global(),
      used: () => process.memoryUsage.rss(),
      available: availableMemory(),
      onPressure: () => this.#bodiesKept(),
      name: `loop ${link.self}`,
    });
    this.#bodiesKept();
    const tickets = TicketSecret.attach(birth.tickets);
    this.#tls = new TlsContexts({ mono: () => clock.mono(), panic, dhParams: () => dhParamsOf(resolver), tickets });
    this.#service = new EsmtpService({
      ports: {
        intake,
        phases,
        stores,
        records: this.#records,
        counters: this.#counters,
        panic,
        clock,
        wheel,
        version: () => resolver.version,
        reloads: () => this.#reloads,
        pressure: () => (this.#records.isCrowded ? 'refuse' : this.#health.pressure),
        mailLoop: () => this.#sending.mailLoop,
        throttle: inboundThrottles(resolver, limits),
        timer: receptionTimer(resolver, { clock, records: this.#records }),
        isBlackholed: (domain) => isInline(resolver.sending('default', 'default', domain).blackhole),
        auth: new Authenticator({
          clock,
          random: systemRandom,
          panic,
          hostname: birth.hostname,
          modules: { services: () => phases.authentication, wheel },
        }),
        isOfferedElsewhere: offeredElsewhere(resolver),
        tls: this.#tls,
        hostname: birth.hostname,
        product: birth.product,
      },
      optionsFor: (listen, ip) => resolver.listening({ listener: 'esmtp_listener', listen, ip }),
      serviceCell: unlimitedAtZero(limits.concurrency('service esmtp').cell),
      listenerCell: (address) => unlimitedAtZero(limits.concurrency(`listener ${address}`).cell),
      reusePort: true,
      descriptorsMax: birth.descriptorsMax,
      tag: `${process.pid}-${link.self}`,
    });
    answerForRooms(this.#questions, {
      resolver,
      service: this.#service,
      outgoing: this.#outgoing,
      tls: this.#tls,
      delay: new LoopDelay(),
      timers: () => wheel.size,
    });
    this.#signing.answerOn(this.#questions);
    this.#questions.on('bounces.reload', () => this.#bounces.reload());
    this.#questions.on('delays.pending', () => this.#queues.delaysPending(1000));
    this.#outgoing?.answerOn(this.#questions);
    this.#desk(intake, bindingPort(resolver));
    this.#importing(intake);
  }

  /** `spool import`: all of it is the first loop's work. */
  #importing(intake: Intake): void {
    const { hostname, product, spoolDirectory } = this.#birth;
    const panic = (text: string): void => this.#panic.log('ERROR', 'FD', text);
    const clock = systemClock;
    const records = this.#records;
    const imports = new SpoolImports({ intake, clock, random: systemRandom, hostname, product, own: spoolDirectory, panic, records });
    const isMine = this.#link.self === 0;
    this.#questions.on('spool.import', (args) => (isMine ? imports.start(args as ImportOrder) : undefined));
    this.#questions.on('spool.import-look', (args) => (isMine ? imports.look(args as ImportOrder) : undefined));
    this.#questions.on('spool.import-poll', (args) => (isMine ? imports.poll((args as ImportOrder).path) : undefined));
  }

  /** What operators ask about queues. */
  #desk(intake: Intake, bindings: BindingPort): void {
    const answers = deskAnswers(
      {
        queues: this.#queues,
        clock: systemClock,
        wheel: this.#wheel,
        standing: (queue) => this.#outgoing?.standing(queue),
        way: (queue) => this.#outgoing?.way(queue),
        envelope: (batchId, done) => this.#shard.envelopeOf(batchId, done),
        body: (batchId, done) => this.#shard.bodyOf(batchId, done),
        assign: (of, done) => intake.assignAnew(of, done),
        assignNeedsBody: () => intake.needsBodyToAssign,
        binding: (name, domain) => bindingNamed(bindings, name, domain),
        refresh: (queue) => this.#outgoing?.refresh(queue),
      },
      this.#link.self,
    );
    for (const [question, answer] of answers) this.#questions.on(question, answer);
  }

  async obey(order: LoopOrder): Promise<LoopAnswer> {
    switch (order.kind) {
      case 'listen':
        return this.#listen();
      case 'prepare':
        return this.#prepare(order.configuration);
      case 'commit':
        return this.#commit(order.isReload);
      case 'abort':
        this.#prepared = undefined;
        await this.#validation.abort();
        return { kind: 'done' };
      case 'ask':
        try {
          return { kind: 'answer', value: await this.#questions.ask(order.question, order.args) };
        } catch (error) {
          return { kind: 'refused', reason: (error as Error).message };
        }
    }
  }

  /** Refuses new mail, lets sessions and deliveries finish within the grace. What other loops still tell of our mail is heard after. */
  async stop(graceMs: number): Promise<void> {
    const stopInbound = new Promise<void>((done) => this.#service.stop(graceMs, done));
    await Promise.all([stopInbound, this.#outgoing?.stop(graceMs)]);
  }

  /** Every loop has stopped: nothing more will be said about mail, the spool may be closed. */
  async close(): Promise<void> {
    this.#validation.close();
    await this.#outgoing?.close();
    await this.#spool.close();
    await this.#lease.release();
    this.#signing.close();
    this.#bounces.close();
    this.#records.close();
    this.#panic.close();
    this.#wheel.stop();
  }

  /** Bodies are kept up to this loop's part of Max_Resident_Messages, and none while memory is short. */
  #bodiesKept(): void {
    const most = Math.ceil(this.#resolver.global().maxResidentMessages / this.#link.count);
    this.#queues.residency.messagesMax = this.#health.pressure === 'ok' ? most : 0;
  }

  async #listen(): Promise<LoopAnswer> {
    if (!this.#birth.without.includes('esmtp')) {
      const refused = listenerProblem(this.#resolver) ?? (await this.#apply(this.#resolver));
      if (refused !== undefined) return { kind: 'refused', reason: refused };
    }
    if (!this.#isRecovering) void this.#recover();
    const bound = [...this.#service.bound()].map(([address, at]) =>
      at === undefined ? address : at.ip.includes(':') ? `[${at.ip}]:${at.port}` : `${at.ip}:${at.port}`,
    );
    return { kind: 'done', bound };
  }

  #apply(resolver: Resolver): Promise<string | undefined> {
    return new Promise((done) =>
      this.#service.apply(esmtpStanzas(resolver, { plan: this.#birth.plan, loop: this.#link.self }), (error) => done(error?.message)),
    );
  }

  /** Brings back what the spool holds, beside reception: mail is taken while this runs. */
  async #recover(): Promise<void> {
    this.#isRecovering = true;
    let count = 0;
    for await (const batch of this.#spool.recover()) {
      this.#shard.recovered(batch);
      // A turn for everybody else now and then.
      if (++count % 256 === 0) await new Promise((done) => setImmediate(done));
    }
    if (count > 0) this.#panic.log('INFO', 'START', `${count} messages were found in the spool`);
  }

  /** New sockets are opened and stores are looked at before anything is in force; what is refused has changed nothing. */
  async #prepare(configuration: SnapshotChanges): Promise<LoopAnswer> {
    const next = applyChanges(this.#resolver.snapshot, configuration);
    const problem = this.#birth.without.includes('esmtp') ? undefined : listenerProblem(resolverOf(next));
    if (problem !== undefined) return { kind: 'refused', reason: problem };
    try {
      this.#prepared = {
        snapshot: next,
        changes: configuration,
        stores: makeStores(next, { host: this.#birth.hostname, clock: systemClock }),
        sending: sendingSettings(next),
        signing: signingSetup(next),
      };
      await this.#validation.prepare(next);
    } catch (error) {
      return { kind: 'refused', reason: (error as Error).message };
    }
    return { kind: 'done' };
  }

  async #commit(isReload: boolean): Promise<LoopAnswer> {
    if (isReload) this.#reloads += 1;
    if (this.#prepared) {
      this.#validation.commit();
      this.#resolver.swap(this.#prepared.snapshot, this.#prepared.changes);
      this.#stores.splice(0, this.#stores.length, ...this.#prepared.stores);
      this.#signing.configure(this.#prepared.signing);
      this.#bounces.reconfigured();
      if (!isDeepStrictEqual(this.#sending, this.#prepared.sending)) this.#sending = this.#prepared.sending;
    }
    this.#prepared = undefined;
    this.#tls.recheck();
    this.#panic.flags = debugFlagsOf(this.#resolver);
    if (!this.#birth.without.includes('esmtp')) {
      const refused = await this.#apply(this.#resolver);
      if (refused !== undefined) this.#panic.announce('ERROR', 'NET', refused);
    }
    this.#bodiesKept();
    this.#queues.reconfigured(() => this.#outgoing?.reconfigured());
    return { kind: 'done' };
  }
}

function isInline(blackhole: string): boolean {
  return blackhole === 'true' || blackhole === 'inline';
}

/** The options say 0 for "no limit"; the cells count up to a number. */
function unlimitedAtZero(cell: { acquire(limit: number): boolean; release(): void }): SessionCell {
  return { acquire: (limit) => cell.acquire(limit > 0 ? limit : Number.MAX_SAFE_INTEGER), release: () => cell.release() };
}
