/*
 * What a policy file sees: the types of its functions and of what they are given. Types only, so that a file may import them from wherever
 * this text is kept (`import type { RcpttoEvent, Answer } from './policy-types.d.ts'`): nothing of it is looked for when the policy runs.
 *
 * A policy file exports functions named as the phases below. A phase that it does not export costs nothing. What a function returns decides
 * (Answer); what it does to the event happens together when it has returned, and not at all when it throws. docs/policy.md tells more.
 */

/** `undefined` leaves the decision to the next module, and at the end to the server. */
export type Answer =
  | undefined
  | void
  /** Nobody else is asked in this phase. */
  | 'accept'
  /** Closes the connection with 421. */
  | 'disconnect'
  | Refusal
  | Tarpit;

/** From `mailfrom` on: says yes to the client and keeps nothing. In `data_spool_each_rcpt` it is this one recipient that gets nothing. */
export type MailAnswer = Answer | 'discard' | MailTarpit;

export interface Refusal {
  /** 400 to 499: try again later; 500 to 599: never. 421 closes the connection. */
  readonly reject: number;
  /** What the client reads, with or without an enhanced code in front: `5.7.1 not from here`. */
  readonly text: string;
  /** Closes the connection behind the reply. */
  readonly disconnect?: boolean;
}

export interface Tarpit {
  /** Seconds that the client waits, 240 at most; then the answer counts. */
  readonly tarpit: number;
  readonly answer?: undefined | 'accept' | 'disconnect' | Refusal;
}

export interface MailTarpit {
  readonly tarpit: number;
  readonly answer?: undefined | 'accept' | 'discard' | 'disconnect' | Refusal;
}

/** One of the two dictionaries of text that modules, logs and the spool share. */
export interface Context {
  get(key: string): string | undefined;
  has(key: string): boolean;
  set(key: string, value: string): void;
  keys(): readonly string[];
}

/** In every phase. */
export interface ConnectionEvent {
  readonly phase: string;
  readonly connection: {
    readonly id: string;
    /** '' on a Unix socket. */
    readonly remoteIp: string;
    readonly remotePort: number;
    readonly localIp: string;
    readonly localPort: number;
    /** The name given with EHLO or HELO, '' before. */
    readonly helo: string;
    /** Who authenticated, '' when nobody did. */
    readonly authUser: string;
  };
  /** Lives as long as the connection. */
  readonly connectionContext: Context;
  /** Emptied with each message; kept with the message in the spool. */
  readonly messageContext: Context;
  /** Writes a line into the paniclog. */
  log(text: string): void;
  /** Writes a text into the logs of chunk_logger, where there are any; nobody waits for the disk. */
  chunkLog(text: string): void;
  /** Adds to a counter of the console's `counter list`; names begin with /site/ or /vendor/. */
  count(name: string, by?: number): void;
  /** Takes one of so many in so many seconds, agreed by all event loops. False when there is none left. */
  throttle(name: string, count: number, seconds: number): boolean;
}

export interface MailfromEvent extends ConnectionEvent {
  /** '' is the null sender. */
  readonly sender: {
    readonly address: string;
    readonly domain: string;
    /** Another envelope sender; throws when it is no address. In `data` and later phases it can only be read. */
    rewrite(address: string): void;
  };
}

export interface RcpttoEvent extends MailfromEvent {
  readonly recipient: {
    readonly address: string;
    readonly local: string;
    /** Lower case, A-labels. */
    readonly domain: string;
    /** Another mailbox. Relaying was decided on the one that the client named, and is not asked again. */
    rewrite(address: string): void;
  };
  /** Accepted before this one. */
  readonly recipientCount: number;
}

export interface RcpttoListEvent extends MailfromEvent {
  /** Addresses that were accepted. */
  readonly recipients: readonly string[];
}

export interface DataEvent extends MailfromEvent {
  readonly recipientCount: number;
  readonly message: {
    readonly batchId: string;
    /** Octets, trace headers included. */
    readonly size: number;
    /** The beginning of the body, `Body_Size` octets at most, as latin1: one character an octet. */
    readonly body: string;
    readonly isBodyWhole: boolean;
  };
  /** Names are compared without regard to case. Changes throw where the message is too large to be changed (32 MiB). */
  readonly headers: {
    get(name: string): string | undefined;
    getAll(name: string): readonly string[];
    names(): readonly string[];
    /** A field in front of all others; behind them with `last`. */
    add(name: string, value: string, o?: { readonly last?: boolean }): void;
    /** One in the place of all of that name. */
    replace(name: string, value: string): void;
    remove(name: string): void;
  };
}

/** Once for each accepted recipient. */
export interface EachRcptEvent extends DataEvent {
  readonly recipient: RcpttoEvent['recipient'] & {
    readonly binding: string;
    readonly bindingGroup: string;
    /** A name that does not exist changes nothing and leaves a line in the paniclog. */
    setBinding(name: string): void;
    setBindingGroup(name: string): void;
    /** 1 is sent before 0. */
    setPriority(priority: 0 | 1): void;
    /** Sends this message as if its recipient were of that domain; the address stays. */
    setRoutingDomain(domain: string): void;
    /** Sends this message to a host instead: a name or an address, with or without `:port`. */
    setGateway(host: string): void;
  };
}

type Hook<Event, Result> = (event: Event) => Result | Promise<Result>;

export interface Policy {
  /** Runs once when the file has been read. False, or an exception, refuses the file. */
  init?: () => boolean | void | Promise<boolean | void>;
  accept?: Hook<ConnectionEvent, Answer>;
  connect?: Hook<ConnectionEvent, Answer>;
  ehlo?: Hook<ConnectionEvent, Answer>;
  mailfrom?: Hook<MailfromEvent, MailAnswer>;
  rcptto?: Hook<RcpttoEvent, MailAnswer>;
  rcptto_list?: Hook<RcpttoListEvent, MailAnswer>;
  data?: Hook<DataEvent, MailAnswer>;
  data_spool?: Hook<DataEvent, MailAnswer>;
  data_spool_each_rcpt?: Hook<EachRcptEvent, MailAnswer>;
  set_binding?: Hook<EachRcptEvent, Answer>;
}
