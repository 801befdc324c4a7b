/*
 * The running server on its main thread: starts everything in order, keeps it in step with the configuration, stops it.
 *
 * The one rule: nothing is touched before the configuration is whole and checked; what is refused changes nothing (design law 14).
 * Order of start: configuration, user, pidfile, spool, threads, sockets, recovery beside reception, console, signals.
 * Not here: work on mail (the loops), the console's commands (control), what a person reads at start (boot-report.ts).
 */
import { resolve } from 'node:path';
import { systemClock, TimerWheel } from '#base';
import { changesBetween, type Resolver, type Snapshot } from '#config';
import type { ListenStanza } from '#inbound';
import { LimitTable } from '#limits';
import { entryBeside, LoopPool, LoopsError } from '#loops';
import { Counters, PanicLog, writerRoom, type DebugFlags } from '#observe';
import { fileLimit, raiseFileLimit } from '#system';
import { bootReport } from './boot-report.ts';
import { loggerStanzas } from './catalog.ts';
import { ControlListener } from './control-listener.ts';
import { nodeWarning, product, revision, version } from './identity.ts';
import {
  loopControlRoom,
  writerControlRoom,
  type LoopAnswer,
  type LoopBirth,
  type LoopOrder,
  type WriterAnswer,
  type WriterOrder,
} from './messages.ts';
import { PidFile } from './pid-file.ts';
import { becomeUser } from './privileges.ts';
import { probe } from './probe.ts';
import { serverPort } from './server-port.ts';
import { debugFlagsOf, hostNameOf, readSite, resolverOf, type Site, type SiteOptions } from './site.ts';
import { SpoolOwner } from './spool-owner.ts';
import { StartError } from './start-error.ts';
import { controlStanzas, esmtpStanzas, recordOf } from './stanzas.ts';

export interface RunOptions {
  readonly site: SiteOptions;
  /** Services to leave out (LSN-20). */
  readonly without: readonly string[];
  readonly allowRoot: boolean;
  readonly isFirstRun: boolean;
  /** In the background: nothing is printed after the server is ready. */
  readonly isDetached: boolean;
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
}

/** An orderly stop ends within 20 s: sessions and deliveries get most of it. */
const stopGraceMs = 15_000;
const prepareMs = 10_000;
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
  #limits: ReturnType<typeof LimitTable.create>;
  readonly #loops: number;
  readonly #panic: PanicLog;
  readonly #hostname: string;
  #reloading: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;

  constructor(o: RunOptions, snapshot: Snapshot) {
    this.#o = o;
    this.#snapshot = snapshot;
    this.#resolver = resolverOf(snapshot);
    this.#loops = loopCount(this.#resolver);
    this.#hostname = hostNameOf(this.#resolver.global());
    // Row 0 is main's, row n+1 is loop n's.
    this.#counters = Counters.create(this.#loops + 1);
    this.#limits = LimitTable.create({ loops: this.#loops });
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

  /** Throws StartError. */
  async start(site: Site): Promise<void> {
    const global = this.#resolver.global();
    const spoolDirectory = resolve(global.spoolBase);
    this.#wheel.start();
    const raised = raiseFileLimit(global.serverMaxFileDescriptors);
    const refusal = becomeUser({
      resolver: this.#resolver,
      hasSecurity: this.#snapshot.root.children.has('security'),
      allowRoot: this.#o.allowRoot,
      folders: [spoolDirectory],
      say: this.#o.say,
    });
    if (refusal !== undefined) throw new StartError(refusal);
    this.#pidFile = PidFile.write(resolve(global.pidFile));
    this.#spool = await SpoolOwner.open(spoolDirectory, global.spoolMode);
    const [taken] = await this.#probe(this.#resolver, []);
    if (taken !== undefined) throw new StartError(taken);
    await this.#startThreads(spoolDirectory);
    const bound = await this.#listen();
    const controlProblems = await this.#startControl();
    this.#announce(site, { global, raised: raised.limit?.soft });
    for (const line of controlProblems) {
      this.#panic.announce('ERROR', 'START', line);
      this.#o.complain(`impetus: ${line}`);
    }
    for (const line of bootReport({
      bound,
      console: this.#control?.addresses ?? [],
      spool: spoolDirectory,
      isDurable: global.forceFsync !== false,
      loops: this.#loops,
      loggers: loggerStanzas(this.#snapshot),
      isFirstRun: this.#o.isFirstRun,
      warnings: this.#warnings(),
    }))
      this.#o.say(line);
    this.#o.say('impetus: ready');
  }

  /** Reads the configuration again and puts it into force on every thread, or changes nothing and says why (CFG-12). */
  reload(): Promise<{ ok: boolean; problems: string[] }> {
    const done = this.#reloading.then(() => this.#reloadNow());
    this.#reloading = done.catch(() => undefined);
    return done;
  }

  reopenLogs(): void {
    void this.#askWriter({ kind: 'reopen' }).then(({ problems }) => {
      for (const problem of problems) this.#panic.announce('ERROR', 'LOG1', problem);
    });
  }

  /** Refuses new work, finishes what is under way, closes the spool. The same promise for every caller. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopNow();
    return this.#stopping;
  }

  async #stopNow(): Promise<void> {
    await this.#control?.close();
    this.#panic.log('INFO', 'START', 'stopping');
    await this.#pool?.stop(stopGraceMs);
    this.#spool?.close();
    this.#pidFile?.remove();
    this.#wheel.stop();
  }

  #debugFlags(): DebugFlags {
    return debugFlagsOf(this.#resolver);
  }

  #warnings(): string[] {
    const warning = nodeWarning(process.versions.node);
    return warning === undefined ? [] : [warning];
  }

  /** Why addresses of ESMTP listeners cannot be had; those that are open already are ours. */
  async #probe(resolver: Resolver, open: readonly ListenStanza[]): Promise<string[]> {
    if (this.#o.without.includes('esmtp')) return [];
    const ours = new Set(open.filter((stanza) => stanza.enable).map((stanza) => stanza.address));
    const wanted = esmtpStanzas(resolver).filter((stanza) => stanza.enable && !ours.has(stanza.address));
    const found = await Promise.all(wanted.map((stanza) => probe(stanza.address)));
    return found.filter((problem) => problem !== undefined);
  }

  async #startThreads(spoolDirectory: string): Promise<void> {
    const pool = new LoopPool({ timers: this.#wheel, clock: systemClock });
    this.#pool = pool;
    pool.onFault((fault) =>
      this.#panic.log('CRITICAL', 'ERROR', `${fault.what} (${fault.room} to ${String(fault.peer)}): ${fault.error?.message ?? ''}`),
    );
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
      if (generation > 0 && typeof address === 'number') void this.#revive(address);
    });
    const data = (): LoopBirth => ({
      configuration: changesBetween(undefined, this.#snapshot),
      counters: this.#counters.memory,
      limits: this.#limits,
      hostname: this.#hostname,
      product: `${product} ${version}`,
      spoolDirectory,
      without: this.#o.without,
      descriptorsMax: fileLimit()?.soft ?? 1024,
    });
    try {
      await pool.start({
        name: 'loop',
        count: this.#loops,
        entry: entryBeside(import.meta.url, 'loop-entry'),
        data,
        writer: {
          entry: entryBeside(import.meta.url, 'writer-entry'),
          data: {
            stanzas: loggerStanzas(this.#snapshot),
            timestampFormat: this.#resolver.global().timestampFormat,
            isQuiet: this.#o.isDetached,
          },
        },
      });
    } catch (error) {
      throw new StartError(`Cannot start the event loops: ${(error as Error).message}`);
    }
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

  async #startControl(): Promise<string[]> {
    this.#control = new ControlListener({
      server: serverPort({
        counters: this.#counters,
        startedAt: this.#startedAt,
        resetAt: () => this.#resetAt,
        reset: () => {
          this.#counters.clear();
          this.#resetAt = systemClock.mono();
        },
        clock: systemClock,
        identity: { product: `${product}, a mail transfer agent that runs ecelerity.conf`, version, revision },
        warnings: () => this.#warnings(),
        reload: () => this.reload(),
        shutdown: () => setImmediate(() => process.kill(process.pid, 'SIGTERM')),
        reopenLogs: () => this.reopenLogs(),
        lastPanics: async () => (await this.#askWriter({ kind: 'last-panics' })).lines,
        queues: () => this.#queues(),
        timestampFormat: () => this.#resolver.global().timestampFormat,
      }),
      wheel: this.#wheel,
      clock: systemClock,
      panic: this.#panic,
      idleSeconds: () => recordOf(this.#resolver, 'control_listener', '').timeout,
    });
    return this.#control.apply(controlStanzas(this.#resolver));
  }

  #announce(site: Site, o: { global: ReturnType<Resolver['global']>; raised: number | undefined }): void {
    const say = (text: string) => this.#panic.announce('WARNING', 'START', text);
    for (const notice of site.notices) say(notice);
    for (const warning of this.#warnings()) say(warning);
    if (o.global.forceFsync === false)
      say('Force_Fsync is false: a message may be answered 250 before it is on disk, and is lost if the machine stops then');
    if (o.raised !== undefined && o.raised < 1024) say(`only ${o.raised} file descriptors are allowed: sessions and deliveries share them`);
  }

  async #queues() {
    const { replies, silent } = await this.#pool!.requestAll(loopControlRoom, { kind: 'queues' } satisfies LoopOrder, answerMs);
    const lines = [...replies.values()].flatMap((reply) =>
      (reply as LoopAnswer).kind === 'queues' ? (reply as Extract<LoopAnswer, { kind: 'queues' }>).lines : [],
    );
    return { lines, silent: [...silent].map(([loop, error]) => `loop ${loop} did not answer: ${error.message}`) };
  }

  async #order(loop: number, order: LoopOrder): Promise<LoopAnswer> {
    try {
      return (await this.#pool!.request(loop, loopControlRoom, order, prepareMs)) as LoopAnswer;
    } catch (error) {
      if (error instanceof LoopsError) return { kind: 'refused', reason: error.message };
      throw error;
    }
  }

  async #askWriter(order: WriterOrder): Promise<WriterAnswer> {
    try {
      return (await this.#pool!.request('writer', writerControlRoom, order, answerMs)) as WriterAnswer;
    } catch (error) {
      return { problems: [(error as Error).message], lines: [] };
    }
  }

  async #reloadNow(): Promise<{ ok: boolean; problems: string[] }> {
    const site = readSite(this.#o.site, this.#snapshot);
    if (!site.snapshot) return this.#failReload([...site.problems]);
    const configuration = changesBetween(this.#snapshot, site.snapshot);
    const refusals = await this.#probe(resolverOf(site.snapshot), esmtpStanzas(this.#resolver));
    for (let loop = 0; loop < this.#loops && refusals.length === 0; loop++) {
      const answer = await this.#order(loop, { kind: 'prepare', configuration });
      if (answer.kind === 'refused') refusals.push(answer.reason);
    }
    if (refusals.length > 0) {
      for (let loop = 0; loop < this.#loops; loop++) await this.#order(loop, { kind: 'abort' });
      return this.#failReload(refusals);
    }
    const later = restartOnly(this.#resolver, resolverOf(site.snapshot));
    this.#snapshot = site.snapshot;
    this.#resolver = resolverOf(site.snapshot);
    for (let loop = 0; loop < this.#loops; loop++) await this.#order(loop, { kind: 'commit' });
    await this.#askWriter({ kind: 'loggers', stanzas: loggerStanzas(site.snapshot) });
    this.#panic.flags = this.#debugFlags();
    const problems = (await this.#control?.apply(controlStanzas(this.#resolver))) ?? [];
    const said = [...problems, ...later];
    for (const line of said) this.#panic.announce('WARNING', 'START', line);
    this.#panic.announce('NOTICE', 'START', `configuration ${site.snapshot.version} is in force`);
    return { ok: true, problems: said };
  }

  #failReload(problems: string[]): { ok: boolean; problems: string[] } {
    const lines = problems.flatMap((problem) => problem.split('\n'));
    for (const line of lines) this.#panic.announce('ERROR', 'START', line);
    this.#panic.announce('ERROR', 'START', 'Reconfigure failed.');
    return { ok: false, problems: lines };
  }
}

/** Loops of the first EventLoop pool; by default a core is left to everything else. */
function loopCount(resolver: Resolver): number {
  const [pool] = resolver.eventLoops().values();
  return Math.min(64, Math.max(1, pool?.concurrency ?? Math.max(1, availableCores() - 1)));
}

function availableCores(): number {
  return Number(process.env['EC_CORES']) || navigator.hardwareConcurrency;
}

/** CFG-50: what a reload accepts and a restart puts into force. */
function restartOnly(before: Resolver, after: Resolver): string[] {
  const [a, b] = [before.global(), after.global()];
  const names = {
    spoolBase: 'SpoolBase',
    spoolMode: 'Spool_Mode',
    pidFile: 'PidFile',
    forceFsync: 'Force_Fsync',
    hostname: 'Hostname',
  } as const;
  const lines = Object.entries(names)
    .filter(([key]) => a[key as keyof typeof names] !== b[key as keyof typeof names])
    .map(([, name]) => `${name} has a new value; it takes effect at the next restart`);
  if (loopCount(before) !== loopCount(after)) lines.push('EventLoop has a new Concurrency; it takes effect at the next restart');
  return lines;
}
