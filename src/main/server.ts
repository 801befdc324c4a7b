/*
 * The running server on its main thread: starts everything in order, keeps it in step with the configuration, stops it.
 *
 * The one rule: nothing is touched before the configuration is whole and checked; what is refused changes nothing (design law 14).
 * Order of start: configuration, user, pidfile, spool, threads, sockets, recovery beside reception, console, signals.
 * Not here: work on mail (the loops), the console's commands (control), what a person reads at start (boot-report.ts).
 */
import { dirname, resolve } from 'node:path';
import { systemClock, TimerWheel } from '#base';
import {
  changesBetween,
  type Activation,
  type Cause,
  type ConfigDesk,
  type ReadConfiguration,
  type Resolver,
  type Snapshot,
} from '#config';
import { NamedCounters, SmtpTraces, vault, type AccountingEvent, type LoopAnswers } from '#control';
import type { ListenStanza } from '#inbound';
import { LimitTable } from '#limits';
import { entryBeside, LoopPool, LoopsError, type BegunThreads } from '#loops';
import { TicketSecret } from '#net';
import { Counters, PanicLog, writerRoom, type AccountingRecord, type DebugFlags, type Reopened } from '#observe';
import { simulate } from '#simulation';
import { currentUser, fileLimit, raiseFileLimit, shortenSlices } from '#system';
import { bindingsGone } from './bindings-gone.ts';
import { bootReport } from './boot-report.ts';
import { bounceSetup, loggerStanzas, schemeSetup, moduleFolders, moduleLines, storeFolders, timingNotices } from './catalog.ts';
import { openDesk } from './configurator.ts';
import { consoleAccess, consoleNotices, consoleProblem } from './console-access.ts';
import { ControlListener } from './control-listener.ts';
import { loopPlan, poolProblems, type LoopPlan } from './event-loops.ts';
import { listenerNotices } from './listener-check.ts';
import { nodeWarning, product, revision, version } from './identity.ts';
import {
  loopControlRoom,
  namedCountersRoom,
  writerControlRoom,
  type CounterAdditions,
  type LoopAnswer,
  type LoopBirth,
  type LoopOrder,
  type WriterAnswer,
  type WriterOrder,
} from './messages.ts';
import { optionsPort, shapingPort } from './options-port.ts';
import { PidFile } from './pid-file.ts';
import { makeFolder, nextUser } from './privileges.ts';
import { probe } from './probe.ts';
import { reportSignerNotices } from './report-signer.ts';
import { restartOnly } from './restart-only.ts';
import { serverPort } from './server-port.ts';
import { debugFlagsOf, hostNameOf, noticesOf, problemsOf, resolverOf, type Site, type SiteOptions } from './site.ts';
import { SpoolOwner } from './spool-owner.ts';
import { StartError } from './start-error.ts';
import { controlStanzas, esmtpStanzas, recordOf } from './stanzas.ts';
import { policyLimits, policyProblems } from './validation.ts';
import { whereSet } from './where-set.ts';

export interface RunOptions {
  /** Threads that read their programs already (`PoolOptions.begun`). */
  readonly begun?: BegunThreads | undefined;
  readonly site: SiteOptions;
  /** Services to leave out (LSN-20). */
  readonly without: readonly string[];
  readonly allowRoot: boolean;
  readonly isFirstRun: boolean;
  /** In the background: nothing is printed after the server is ready. */
  readonly isDetached: boolean;
  /** How long sessions and deliveries may take to end what they began when the server stops; the whole stop is little longer. */
  readonly stopGraceMs: number;
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
}

const rootWarning = 'runs as root: for real use say whom to become with Security { User = "..." Group = "..." }';
// A policy may take 20 s to be read.
const prepareMs = 30_000;
const answerMs = 5_000;

export class Server {
  readonly #o: RunOptions;
  readonly #wheel = new TimerWheel({ clock: systemClock });
  readonly #startedAt = systemClock.mono();
  #resetAt = systemClock.mono();
  #snapshot: Snapshot;
  #resolver: Resolver;
  #pool: LoopPool | undefined;
  #pidFile: PidFile | undefined;
  #spool: SpoolOwner | undefined;
  #control: ControlListener | undefined;
  #counters: Counters;
  readonly #tickets = TicketSecret.create();
  #limits: ReturnType<typeof LimitTable.create>;
  readonly #policyLimits: ReturnType<typeof LimitTable.create>;
  readonly #namedCounters = new NamedCounters(() => systemClock.now());
  readonly #loops: number;
  readonly #plan: LoopPlan;
  readonly #panic: PanicLog;
  readonly #hostname: string;
  #desk: ConfigDesk | undefined;
  /** What was said about the configuration: a change says only what is new. */
  #noticed: ReadonlySet<string> = new Set();
  #alarmed: ReadonlySet<string> = new Set();
  #stopping: Promise<void> | undefined;

  constructor(o: RunOptions, snapshot: Snapshot) {
    this.#o = o;
    this.#snapshot = snapshot;
    this.#resolver = resolverOf(snapshot);
    this.#plan = loopPlan(this.#resolver);
    this.#loops = this.#plan.count;
    this.#hostname = hostNameOf(this.#resolver.global());
    // Row 0 is main's, row n+1 is loop n's.
    this.#counters = Counters.create(this.#loops + 1);
    this.#limits = LimitTable.create({ loops: this.#loops });
    this.#policyLimits = policyLimits(this.#loops);
    const early = (line: { text: string }) => o.complain(`impetus: ${line.text}`);
    this.#panic = new PanicLog({
      clock: systemClock,
      timers: this.#wheel,
      flags: this.#debugFlags(),
      write: (line) => {
        if (!this.#pool?.send('writer', writerRoom, line)) early(line);
      },
    });
  }

  /** Throws StartError or PidFileError. */
  async start(site: Site): Promise<void> {
    const global = this.#resolver.global();
    const spoolDirectory = resolve(global.spoolBase);
    this.#wheel.start();
    const raised = raiseFileLimit(global.serverMaxFileDescriptors);
    await this.#becomeUser(spoolDirectory, resolve(global.pidFile));
    const [refused] = await policyProblems(this.#snapshot);
    if (refused !== undefined) throw new StartError(refused);
    this.#spool = await SpoolOwner.open(spoolDirectory, global.spoolMode);
    const [taken] = await this.#probe(this.#resolver, []);
    if (taken !== undefined) throw new StartError(taken);
    await this.#startThreads(spoolDirectory);
    const bound = await this.#listen();
    await this.#startControl(openDesk(site, this.#o.site.file, (read, by) => this.#activate(read, by)));
    this.#announce(site, { global, raised: raised.limit?.soft });
    const { problems, others = [] } = await this.#askWriter({ kind: 'reopen' });
    const logProblems = [...problems, ...others];
    const report = bootReport({
      configuration: this.#o.site.file,
      bound,
      console: this.#control?.addresses ?? [],
      spool: spoolDirectory,
      isDurable: global.forceFsync !== false,
      loops: this.#loops,
      loggers: loggerStanzas(this.#snapshot),
      stores: storeFolders(this.#snapshot),
      isFirstRun: this.#o.isFirstRun,
      warnings: [...this.#warnings(), ...(currentUser().isRoot ? [rootWarning] : []), ...logProblems],
      unprotected: site.unprotected,
    });
    for (const line of [...report, 'impetus: ready']) this.#o.say(line);
  }

  /** The pidfile is written before root is given up: in its usual place only root may make files (RT-10, SEC-02). */
  async #becomeUser(spoolDirectory: string, pidFile: string): Promise<void> {
    const next = nextUser({
      resolver: this.#resolver,
      hasSecurity: this.#snapshot.root.children.has('security'),
      allowRoot: this.#o.allowRoot,
    });
    this.#pidFile = PidFile.write(pidFile, next);
    const sockets = [...esmtpStanzas(this.#resolver), ...controlStanzas(this.#resolver)].map(({ address }) => address);
    for (const path of sockets) if (path.startsWith('/')) makeFolder(dirname(path), next);
    if (next === undefined) return;
    for (const folder of [spoolDirectory, ...moduleFolders(this.#snapshot)]) makeFolder(folder, next);
    // Threads of now would not have the capabilities that are kept.
    for (const thread of this.#o.begun?.values() ?? []) await thread.terminate();
    const warning = next.become();
    if (warning !== undefined) this.#o.complain(`impetus: warning  ${warning}`);
  }

  /** Reads the configuration again and puts it into force on every thread, or changes nothing and says why (CFG-12). */
  async reload(o: { andReopenLogs: boolean }): Promise<Activation> {
    if (o.andReopenLogs) await this.#reopenLogs();
    return (await this.#desk?.reload('SIGHUP')) ?? { ok: false, lines: ['The server has not started yet.'] };
  }

  async #reopenLogs(): Promise<Reopened> {
    const { problems, others = [] } = await this.#askWriter({ kind: 'reopen' });
    for (const problem of [...problems, ...others]) this.#panic.announce('ERROR', 'LOG1', problem);
    return { problems, others };
  }

  /** Refuses new work, finishes what is under way, closes the spool. The same promise for every caller. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopNow();
    return this.#stopping;
  }

  async #stopNow(): Promise<void> {
    await this.#control?.close();
    this.#panic.log('INFO', 'START', 'stopping');
    await this.#pool?.stop(this.#o.stopGraceMs);
    this.#spool?.close();
    this.#pidFile?.remove();
    this.#wheel.stop();
  }

  #debugFlags(): DebugFlags {
    return debugFlagsOf(this.#resolver);
  }

  #warnings(): string[] {
    const warning = nodeWarning(process.versions.node);
    return [
      ...(warning === undefined ? [] : [warning]),
      ...listenerNotices(this.#resolver),
      ...consoleNotices(this.#resolver),
      ...timingNotices(this.#snapshot),
      ...reportSignerNotices(this.#snapshot),
    ];
  }

  /** Why addresses of ESMTP listeners cannot be had; those that are open already are ours. */
  async #probe(resolver: Resolver, open: readonly ListenStanza[]): Promise<string[]> {
    if (this.#o.without.includes('esmtp')) return [];
    const ours = open.filter((stanza) => stanza.enable).map((stanza) => stanza.address);
    const wanted = esmtpStanzas(resolver).filter((stanza) => stanza.enable && !ours.includes(stanza.address));
    const found: string[] = [];
    // One after the other: a wildcard and an address on one port are both ours, and would be in each other's way.
    for (const stanza of wanted) {
      const problem = await probe(stanza.address, ours);
      if (problem !== undefined) found.push(problem);
    }
    return found;
  }

  async #startThreads(spoolDirectory: string): Promise<void> {
    const pool = new LoopPool({ timers: this.#wheel, clock: systemClock });
    this.#pool = pool;
    pool.onFault((fault) =>
      this.#panic.log('CRITICAL', 'ERROR', `${fault.what} (${fault.room} to ${String(fault.peer)}): ${fault.error?.message ?? ''}`),
    );
    pool.onMessage(namedCountersRoom, (message) => {
      for (const [name, by] of message as CounterAdditions) this.#namedCounters.add(name, by);
    });
    pool.onDeath((death) => {
      if (typeof death.address === 'number') {
        this.#counters.clearGauges(death.address + 1);
        LimitTable.attach(this.#limits, { loop: 0, clock: systemClock }).releaseAllOf(death.address);
      }
      const again = death.restartInMs === undefined ? '' : `; a new one starts in ${death.restartInMs} ms`;
      this.#panic.announce(
        'CRITICAL',
        'ERROR',
        `thread ${String(death.address)} died (${death.error?.message ?? `exit ${death.exitCode}`})${again}`,
      );
    });
    pool.onReady((address, generation) => {
      if (generation === 0 || typeof address !== 'number') return;
      favourLoops();
      void this.#revive(address);
    });
    const data = (): LoopBirth => ({
      configuration: changesBetween(undefined, this.#snapshot),
      counters: this.#counters.memory,
      tickets: this.#tickets.memory,
      limits: this.#limits,
      policyLimits: this.#policyLimits,
      hostname: this.#hostname,
      product: `${product} ${version}`,
      spoolDirectory,
      without: this.#o.without,
      descriptorsMax: fileLimit()?.soft ?? 1024,
      plan: this.#plan,
    });
    try {
      await pool.start({
        name: 'loop',
        count: this.#loops,
        begun: this.#o.begun,
        entry: entryBeside(import.meta.url, 'loop-entry'),
        data,
        writer: {
          entry: entryBeside(import.meta.url, 'writer-entry'),
          data: {
            stanzas: loggerStanzas(this.#snapshot),
            schemes: schemeSetup(this.#snapshot),
            bounces: bounceSetup(this.#resolver),
            timestampFormat: this.#resolver.global().timestampFormat,
            isQuiet: this.#o.isDetached,
          },
        },
      });
    } catch (error) {
      throw new StartError(`Cannot start the event loops: ${(error as Error).message}`);
    }
    favourLoops();
  }

  /** A loop that died has a successor: it opens its sockets and takes up the mail of its predecessor. */
  async #revive(loop: number): Promise<void> {
    const answer = await this.#order(loop, { kind: 'listen' });
    if (answer.kind === 'refused') this.#panic.announce('CRITICAL', 'ERROR', `loop ${loop} cannot listen again: ${answer.reason}`);
  }

  async #listen(): Promise<string[]> {
    const bound = new Set<string>();
    for (let loop = 0; loop < this.#loops; loop++) {
      const answer = await this.#order(loop, { kind: 'listen' });
      if (answer.kind === 'refused') throw new StartError(answer.reason);
      if (answer.kind === 'done') for (const address of answer.bound ?? []) bound.add(address);
    }
    return [...bound];
  }

  async #startControl(desk: ConfigDesk): Promise<void> {
    this.#desk = desk;
    const { traceSmtpMode: traceMode } = this.#resolver.global();
    this.#control = new ControlListener({
      server: serverPort({
        counters: this.#counters,
        namedCounters: this.#namedCounters,
        smtpTraces: new SmtpTraces({
          askLoops: (question, args) => this.#askLoops(question, args),
          clock: systemClock,
          wheel: this.#wheel,
          mode: () => traceMode,
        }),
        startedAt: this.#startedAt,
        resetAt: () => this.#resetAt,
        reset: () => {
          this.#counters.clear();
          this.#resetAt = systemClock.mono();
        },
        clock: systemClock,
        identity: { product: `${product}, a mail transfer agent that runs ecelerity.conf`, version, revision },
        warnings: () => this.#warnings(),
        openConfig: (who) => desk.open(who),
        commitSaved: async (saved) =>
          this.#resolver.global().commitWriteback ? vault.commitSaved(saved, { environment: process.env }) : undefined,
        shutdown: () => setImmediate(() => process.kill(process.pid, 'SIGTERM')),
        reopenLogs: () => this.#reopenLogs(),
        reloadBounceRules: async () => {
          // Loops have rules of their own for bounces that come as mail; the problems are the same.
          await this.#askLoops('bounces.reload', undefined);
          return (await this.#askWriter({ kind: 'bounce-rules' })).problems;
        },
        rekeyTickets: () => {
          this.#tickets.renew();
          return this.#askLoops('tls.rekey', undefined);
        },
        bounceClass: async (reply, domain) => (await this.#askWriter({ kind: 'bounce-class', reply, domain })).text,
        lastPanics: async () => (await this.#askWriter({ kind: 'last-panics' })).lines,
        askLoops: (question, args, deadlineMs) => this.#askLoops(question, args, deadlineMs),
        modules: () => moduleLines(this.#snapshot),
        whereSet: (asked, resolver = this.#resolver) => whereSet(resolver, asked, this.#desk),
        simulate: (resolver, plan) =>
          simulate(
            { options: optionsPort(resolver), shaping: shapingPort(resolver), global: () => resolver.global(), clock: systemClock },
            plan,
          ),
        restartThread: (which) => {
          if (which !== 'writer' && which >= this.#loops) return false;
          this.#pool!.replace(which);
          return true;
        },
        timestampFormat: () => this.#resolver.global().timestampFormat,
      }),
      wheel: this.#wheel,
      clock: systemClock,
      panic: this.#panic,
      idleSeconds: () => recordOf(this.#resolver, 'control_listener', '').timeout,
      access: consoleAccess({
        resolver: () => this.#resolver,
        wheel: this.#wheel,
        panic: this.#panic,
        hostname: this.#hostname,
        account: (event) => this.#account(event),
      }),
    });
    const problem = consoleProblem(this.#resolver) ?? (await this.#control.prepare(controlStanzas(this.#resolver)));
    if (problem !== undefined) throw new StartError(problem);
    await this.#control.commit();
  }

  #announce(site: Site, o: { global: ReturnType<Resolver['global']>; raised: number | undefined }): void {
    const say = (text: string) => this.#panic.announce('WARNING', 'START', text);
    for (const notice of this.#newNotices(site.read)) say(notice);
    for (const warning of this.#warnings()) say(warning);
    this.#alarm();
    if (o.global.forceFsync === false)
      say('Force_Fsync is false: a message may be answered 250 before it is on disk, and is lost if the machine stops then');
    if (o.raised !== undefined && o.raised < 1024) say(`only ${o.raised} file descriptors are allowed: sessions and deliveries share them`);
  }

  async #askLoops(question: string, args: unknown, deadlineMs = answerMs): Promise<LoopAnswers> {
    const order = { kind: 'ask', question, args } satisfies LoopOrder;
    const { replies, silent } = await this.#pool!.requestAll(loopControlRoom, order, deadlineMs);
    const answers = new Map<number, unknown>();
    const complaints = [...silent].map(([loop, error]) => `loop ${loop} did not answer: ${error.message}`);
    for (const [loop, reply] of replies) {
      const answer = reply as LoopAnswer;
      if (answer.kind === 'answer') answers.set(loop, answer.value);
      else if (answer.kind === 'refused') complaints.push(`loop ${loop}: ${answer.reason}`);
    }
    return { answers, silent: complaints };
  }

  async #order(loop: number, order: LoopOrder): Promise<LoopAnswer> {
    try {
      return (await this.#pool!.request(loop, loopControlRoom, order, prepareMs)) as LoopAnswer;
    } catch (error) {
      if (error instanceof LoopsError) return { kind: 'refused', reason: error.message };
      throw error;
    }
  }

  /** What somebody did at the console, for the acctlog. */
  #account({ kind, ...facts }: AccountingEvent): void {
    const event = kind === 'authentication' ? 'N' : kind === 'authorization' ? 'Z' : 'T';
    const record: AccountingRecord = { at: systemClock.now(), event, ...facts };
    if (this.#pool?.send('writer', writerRoom, record) !== true)
      this.#panic.log('ERROR', 'LOG1', `the acctlog misses a record: ${event} of ${facts.user} (${facts.command ?? ''})`);
  }

  async #askWriter(order: WriterOrder): Promise<WriterAnswer> {
    try {
      return (await this.#pool!.request('writer', writerControlRoom, order, answerMs)) as WriterAnswer;
    } catch (error) {
      return { problems: [(error as Error).message], lines: [] };
    }
  }

  /** Puts a configuration into force that was read from disk or made at the console; the desk lets one in at a time. */
  async #activate(read: ReadConfiguration, by: Cause): Promise<Activation> {
    if (this.#stopping) return { ok: false, lines: ['The server is stopping.'] };
    const { snapshot } = read;
    if (!snapshot) return this.#refuse(problemsOf(read));
    const next = resolverOf(snapshot);
    const refusals = await this.#prepare(snapshot, next);
    if (refusals.length > 0) {
      await this.#control?.abort();
      for (let loop = 0; loop < this.#loops; loop++) await this.#order(loop, { kind: 'abort' });
      return this.#refuse(refusals);
    }
    const later = restartOnly(this.#resolver, next);
    later.push(
      ...(await bindingsGone({ before: this.#resolver, after: next, askLoops: (question, args) => this.#askLoops(question, args) })),
    );
    this.#snapshot = snapshot;
    this.#resolver = next;
    const said: string[] = [];
    for (let loop = 0; loop < this.#loops; loop++) {
      const answer = await this.#order(loop, { kind: 'commit', isReload: by.isReload === true });
      if (answer.kind === 'refused') said.push(`loop ${loop} has not confirmed the new configuration: ${answer.reason}`);
    }
    const { problems } = await this.#askWriter({
      kind: 'loggers',
      stanzas: loggerStanzas(snapshot),
      schemes: schemeSetup(snapshot),
      bounces: bounceSetup(next),
    });
    this.#panic.flags = this.#debugFlags();
    await this.#control?.commit();
    said.push(...problems, ...later, ...(by.remarks ?? []));
    for (const line of [...this.#newNotices(read), ...said]) this.#panic.announce('WARNING', 'START', line);
    said.push(...this.#alarm());
    this.#panic.announce('NOTICE', 'START', `configuration ${snapshot.version} is in force: ${by.what}, ${by.who}`);
    return { ok: true, lines: said };
  }

  /** Everything that may refuse a configuration, in the order of how cheaply it can be taken back; the first refusal. */
  async #prepare(snapshot: Snapshot, next: Resolver): Promise<string[]> {
    const taken = await this.#probe(next, esmtpStanzas(this.#resolver));
    if (taken.length > 0) return taken;
    const configuration = changesBetween(this.#snapshot, snapshot);
    for (let loop = 0; loop < this.#loops; loop++) {
      const answer = await this.#order(loop, { kind: 'prepare', configuration });
      if (answer.kind === 'refused') return [answer.reason];
    }
    const problem = consoleProblem(next) ?? (await this.#control?.prepare(controlStanzas(next)));
    return problem === undefined ? [] : [problem];
  }

  /** Pools that listeners name and that are not there: a critical line each (LSN-07), once as long as it is true. */
  #alarm(): string[] {
    const found = poolProblems(this.#resolver, this.#plan);
    const fresh = found.filter((text) => !this.#alarmed.has(text));
    this.#alarmed = new Set(found);
    for (const text of fresh) this.#panic.log('CRITICAL', 'START', text);
    return fresh;
  }

  #newNotices(read: ReadConfiguration): string[] {
    const before = this.#noticed;
    this.#noticed = new Set(read.notices.map((notice) => notice.message));
    return noticesOf({ ...read, notices: read.notices.filter((notice) => !before.has(notice.message)) });
  }

  #refuse(problems: string[]): Activation {
    const lines = problems.flatMap((problem) => problem.split('\n'));
    for (const line of lines) this.#panic.announce('ERROR', 'START', line);
    this.#panic.announce('ERROR', 'START', 'Reconfigure failed.');
    return { ok: false, lines };
  }
}

/** While this thread reads a big configuration, and the collector's help it, mail goes first. */
function favourLoops(): void {
  shortenSlices((name) => name.startsWith('loop '));
}
