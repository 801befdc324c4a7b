/*
 * What a console command is: its words, what it is for, and what runs. One file per command in this folder.
 *
 * The one rule: an operation sees the server only through ServerPort, and answers with text in the manual's form.
 * What a connection keeps between its commands (a transaction) is handed to them as its session.
 * Deliberately no knowledge of frames or sockets: the same operations will be mounted on HTTP.
 */

import type { ConfigSession, Resolver } from '#config';
import type { SimulationPlan, SimulationResult } from '#simulation';
import type { SmtpTraces } from './queue/smtp-traces.ts';
import type { NamedCounters } from './server/named-counters.ts';

export interface Answer {
  readonly ok: boolean;
  readonly text: string;
  /** The same for programs (json, xml); absent: the lines of the text. */
  readonly data?: unknown;
}

export interface ModuleLine {
  readonly scope: string;
  readonly instance: string | undefined;
  readonly isEnabled: boolean;
  readonly isWorking: boolean;
  readonly about: string;
}

/** For which mail, and which option, by its key in the records. */
export interface WhereAsked {
  readonly group?: string | undefined;
  readonly binding?: string | undefined;
  readonly domain?: string | undefined;
  readonly host?: string | undefined;
  readonly option: string;
  /** The kind of scope that is meant, where several speak; `global` leaves the others aside. */
  readonly scope?: string | undefined;
}

export interface WhereSet {
  /** As the manual spells it. */
  readonly option: string;
  readonly value: string;
  /** For a person; 'the default' where nobody set it. */
  readonly scope: string;
  /** As it is typed behind `config set`. */
  readonly words: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Set at the console: file and line are where it would be written. */
  readonly isUnsaved: boolean;
}

/** What loops said to one question. */
export interface LoopAnswers {
  readonly answers: ReadonlyMap<number, unknown>;
  readonly silent: readonly string[];
}

/** What operations may ask of the running server. Main provides it. */
export interface ServerPort {
  readonly identity: { readonly product: string; readonly version: string; readonly revision: string };
  readonly pid: number;
  /** Names of counters are those of observe. */
  total(counter: string): number;
  uptimeSeconds(): number;
  /** Epoch milliseconds. */
  now(): number;
  resetStatistics(): void;
  secondsSinceReset(): number;
  /** A view of the configuration with a transaction of its own; `who` is written into the history of changes. */
  openConfig(who: string): ConfigSession;
  /**
   * Makes saved files a revision of their eccfg working copy where Commit_Writeback says so; undefined where it does not. `lines` say what came
   * of it.
   */
  commitSaved(saved: {
    readonly paths: readonly string[];
    readonly username: string;
    readonly message: string;
  }): Promise<{ readonly ok: boolean; readonly lines: readonly string[] } | undefined>;
  /** Begins an orderly stop; returns at once. */
  shutdown(): void;
  /** Gives what could not be opened: files, and apart from them what is no file (syslog, pipes, jlogs). */
  reopenLogs(): Promise<{ readonly problems: readonly string[]; readonly others: readonly string[] }>;
  /** Reads the rules of bounce classes again; gives what is wrong with them. */
  reloadBounceRules(): Promise<readonly string[]>;
  /** New keys for session tickets on every loop; each says for how many contexts. */
  rekeyTickets(): Promise<LoopAnswers>;
  /** The class of a reply and the rule that decided; undefined when the writer did not answer. */
  bounceClass(reply: string, domain: string): Promise<string | undefined>;
  /** The last panic lines, oldest first. */
  panicLines(): Promise<readonly string[]>;
  /**
   * Asks every loop the same question and gathers the answers by loop. Loops that did not answer within the deadline
   * (milliseconds, default 5,000) or could not are named in `silent`, in whole sentences for the end of a table.
   */
  askLoops(question: string, args: unknown, deadlineMs?: number): Promise<LoopAnswers>;
  /** Ends one thread as if it had died. False when there is none of that name. */
  restartThread(which: number | 'writer'): boolean;
  /** Modules that the configuration loads. */
  modules(): readonly ModuleLine[];
  readonly namedCounters: NamedCounters;
  readonly smtpTraces: SmtpTraces;
  /** Where the value of an option that sends mail comes from; undefined for an option that is none. */
  whereSet(asked: WhereAsked, resolver?: Resolver): WhereSet | undefined;
  /** What mail would take under a configuration: that of a session, in force or in the making. */
  simulate(resolver: Resolver, plan: SimulationPlan): Promise<SimulationResult>;
  /** Plain sentences about the running Node.js, e.g. that it lacks security fixes. */
  warnings(): readonly string[];
}

/** Who may run what; the access folder implements it. */
interface CommandAccess {
  readonly user: string | undefined;
  /** Undefined when the command may run; else what its caller is told. */
  check(wanted: { readonly command: string; readonly namesFiles: boolean }): Promise<string | undefined>;
  /** Writes to the acctlog (without one, to the paniclog) what a command has done, for commands that cannot be undone. */
  record(done: string): void;
  /** Roles of the user that exist, and all that exist. */
  roles(): Promise<readonly string[]>;
  readonly allRoles: readonly string[];
}

/** What one connection keeps from command to command. */
export interface ConsoleSession {
  /** What its user may run. */
  readonly access: CommandAccess;
  /** Who speaks, for the history of changes. */
  readonly who: string;
  readonly config: ConfigSession;
}

/** One line as it was typed. */
interface Call {
  readonly session: ConsoleSession;
  /** Everything behind the fixed words, quotation marks and spaces included. */
  readonly rest: string;
}

export interface Operation {
  /** The fixed words of the command, lower case. */
  readonly words: readonly string[];
  readonly usage: string;
  readonly about: string;
  readonly examples?: readonly string[];
  /** Of a module: `scope:instance` may stand for its first word (CON-11). */
  readonly isModule?: boolean;
  /** Whether this call makes the server read or write a file that its caller names: not everybody may (access/access.ts). */
  namesFiles?(args: readonly string[]): boolean;
  run(server: ServerPort, args: readonly string[], call: Call): Answer | Promise<Answer>;
}

export function answer(text: string, data?: unknown): Answer {
  return { ok: true, text: text.endsWith('\n') ? text : `${text}\n`, ...(data === undefined ? {} : { data }) };
}

export function refusal(text: string): Answer {
  return { ok: false, text: text.endsWith('\n') ? text : `${text}\n` };
}

/** What a room has answered. */
export function reply(from: Answer): Answer {
  return from.ok ? answer(from.text, from.data) : refusal(from.text);
}

/** A path in quotation marks or not; undefined when there is none. */
export function pathArgument(rest: string): string | undefined {
  const text = rest.replace(/^(["'])(.*)\1$/, '$2');
  return text === '' ? undefined : text;
}
