/*
 * Who a console connection is and what it may run: the door between frames and operations.
 *
 * The one rule: until there is a user nothing runs, and each command is asked about by itself, on the configuration in force at that moment.
 * Without authorization everybody who got in may run everything but what reads or writes files named on the command line: that needs a role, or to be
 * the server's own user or root on a Unix socket (quirk). Failures of an address are slowed down and then shut out (A43).
 * Not here: frames (console/), mechanisms (#auth), writing the accounting (main). Truth: AUTH-07 to AUTH-10, AUTH-40 to AUTH-44, CON-06, CON-07.
 */
import type { Authenticator, MechanismName, SaslExchange, SaslStep } from '#auth';
import type { IpAddress, TimerWheel } from '#base';
import { GroupsFile } from './groups-file.ts';
import type { RoleBook } from './roles.ts';
import type { AccessRules } from './rules.ts';

/** Attempts of one connection to prove who it is. */
const ATTEMPTS_MAX = 3;
/** Octets of a response (base64). */
const RESPONSE_MAX = 12_288;

/** One line of the acctlog (LOG 15.3). */
export interface AccountingEvent {
  readonly kind: 'authentication' | 'authorization' | 'timeout';
  /** The address that was listened on, and the client's; '' for a Unix socket's client. */
  readonly listener: string;
  readonly peer: string;
  readonly user: string;
  /** 1 yes, 0 no, -1 could not be told. */
  readonly result: 1 | 0 | -1;
  readonly command?: string;
  /** The command is one that cannot be undone, and was done. */
  readonly isDeed?: true;
  readonly role?: string;
}

export interface ConnectionFacts {
  readonly listener: string;
  readonly peer: string;
  readonly ip: IpAddress | undefined;
  /** On a Unix socket: whom the kernel names. */
  readonly uid: number | undefined;
  readonly pid: number | undefined;
}

export interface AccessPort {
  readonly authenticator: Authenticator;
  readonly wheel: Pick<TimerWheel, 'schedule'>;
  /** The rules in force for a connection. */
  rules(facts: ConnectionFacts): AccessRules;
  /** The roles in force. */
  roles(): RoleBook;
  /** The user that the server runs as. */
  readonly serverUid: number;
  account(event: AccountingEvent): void;
}

type AccessStep =
  | { readonly kind: 'challenge'; readonly data: string }
  | { readonly kind: 'welcome'; readonly user: string }
  | { readonly kind: 'denied'; readonly reason: string; readonly isOver: boolean };

interface Wanted {
  /** The command in its canonical form. */
  readonly command: string;
  /** It makes the server read or write a file that its caller names. */
  readonly namesFiles: boolean;
}

export class ConnectionAccess {
  readonly #port: AccessPort;
  readonly #facts: ConnectionFacts;
  #user: string | undefined;
  #exchange: SaslExchange | undefined;
  #attempts = 0;
  #logs: boolean;
  #groups: { readonly path: string; readonly file: GroupsFile } | undefined;

  constructor(port: AccessPort, facts: ConnectionFacts) {
    this.#port = port;
    this.#facts = facts;
    const rules = port.rules(facts);
    this.#user = rules.refusal === undefined ? rules.user : undefined;
    this.#logs = rules.logsAlways;
    if (this.#user !== undefined && this.#logs) this.#account('authentication', this.#user, 1);
  }

  /** Undefined until it is known. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Why nobody is let in here at the moment. */
  get refusal(): string | undefined {
    const { ip } = this.#facts;
    if (ip !== undefined && this.#port.authenticator.gate.isShut(ip)) return 'too many failed attempts from this address';
    return this.#port.rules(this.#facts).refusal;
  }

  get mechanisms(): MechanismName[] {
    return [...this.#port.rules(this.#facts).mechanisms.keys()];
  }

  /** The client names a mechanism, or answers a challenge; `data` is base64. */
  authenticate(mechanism: string | undefined, data: string | undefined): Promise<AccessStep> {
    const refusal = this.refusal;
    if (refusal !== undefined) return Promise.resolve({ kind: 'denied', reason: refusal, isOver: true });
    if (this.#user !== undefined)
      return Promise.resolve({ kind: 'denied', reason: 'this connection is authenticated already', isOver: false });
    if (data !== undefined && (data.length > RESPONSE_MAX || !/^[A-Za-z0-9+/]*={0,2}$/.test(data)))
      return Promise.resolve(this.#malformed());
    const bytes = data === undefined ? undefined : Buffer.from(data, 'base64');
    if (mechanism === undefined) {
      const exchange = this.#exchange;
      if (exchange === undefined || bytes === undefined) return Promise.resolve(this.#malformed());
      return new Promise((done) => exchange.next(bytes, (step) => this.#after(step, done)));
    }
    const name = this.mechanisms.find((offered) => offered === mechanism.toUpperCase());
    const settings = name === undefined ? undefined : this.#port.rules(this.#facts).mechanisms.get(name);
    if (name === undefined || settings === undefined)
      return Promise.resolve({
        kind: 'denied',
        reason: `"${mechanism}" is not offered: ${this.mechanisms.join(', ')}`,
        isOver: ++this.#attempts >= ATTEMPTS_MAX,
      });
    this.#logs = this.#logs || settings.logs;
    const exchange = this.#port.authenticator.begin(name, settings);
    this.#exchange = exchange;
    return new Promise((done) => exchange.begin(bytes, (step) => this.#after(step, done)));
  }

  /** Nobody said who he is in time. */
  timedOut(): void {
    if (this.#user === undefined) this.#account('timeout', '', 0);
  }

  /** Undefined when the command may run; else what its caller is told. */
  async check({ command, namesFiles }: Wanted): Promise<string | undefined> {
    const user = this.#user;
    const rules = this.#port.rules(this.#facts);
    if (user === undefined || rules.refusal !== undefined) return 'Authorization required for console session';
    const { role, trouble } = rules.isAuthorizing ? await this.#roleFor(user, command, rules) : { role: undefined, trouble: undefined };
    const isAllowed = rules.isAuthorizing ? role !== undefined : !namesFiles || this.#ownsServer();
    if (this.#logs) this.#account('authorization', user, isAllowed ? 1 : trouble === undefined ? 0 : -1, command, role);
    if (isAllowed) return undefined;
    if (trouble !== undefined) return `Not Authorized for this command: ${trouble}`;
    if (!rules.isAuthorizing)
      return 'Not Authorized for this command: it names a file of the server; that is for its own user and root, on a Unix socket, or for a role';
    return 'Not Authorized for this command';
  }

  /** A command that cannot be undone has done this. */
  record(done: string): void {
    const { listener, peer } = this.#facts;
    this.#port.account({ kind: 'authorization', listener, peer, user: this.#user ?? '', result: 1, command: done, isDeed: true });
  }

  /** The roles of this user that exist. */
  async roles(): Promise<string[]> {
    const names = await this.#names(this.#user ?? '', this.#port.rules(this.#facts));
    return this.#port.roles().names.filter((name) => names.has(name));
  }

  get allRoles(): string[] {
    return this.#port.roles().names;
  }

  async #roleFor(user: string, command: string, rules: AccessRules): Promise<{ role: string | undefined; trouble: string | undefined }> {
    try {
      return { role: this.#port.roles().allowing(await this.#names(user, rules), command), trouble: undefined };
    } catch (error) {
      return { role: undefined, trouble: (error as Error).message };
    }
  }

  async #names(user: string, { groups }: AccessRules): Promise<ReadonlySet<string>> {
    if (groups === undefined) return new Set([user]);
    if (this.#groups?.path !== groups) this.#groups = { path: groups, file: new GroupsFile(groups) };
    return new Set([user, ...(await this.#groups.file.of(user))]);
  }

  #ownsServer(): boolean {
    const { uid } = this.#facts;
    return uid !== undefined && (uid === 0 || uid === this.#port.serverUid);
  }

  #after(step: SaslStep, done: (step: AccessStep) => void): void {
    switch (step.kind) {
      case 'challenge':
        done({ kind: 'challenge', data: Buffer.from(step.text).toString('base64') });
        return;
      case 'pass':
        this.#exchange = undefined;
        this.#user = step.user;
        if (this.#logs) this.#account('authentication', step.user, 1);
        done({ kind: 'welcome', user: step.user });
        return;
      case 'fail':
        this.#failed(step.user, 0, 'the name or the password is wrong', done);
        return;
      case 'trouble':
        this.#failed(step.user, -1, 'the back end cannot be asked at the moment', done);
        return;
      case 'malformed':
        done(this.#malformed());
    }
  }

  #malformed(): AccessStep {
    this.#exchange = undefined;
    this.#attempts += 1;
    return { kind: 'denied', reason: 'that is no response of this mechanism', isOver: this.#attempts >= ATTEMPTS_MAX };
  }

  #failed(user: string, result: 0 | -1, reason: string, done: (step: AccessStep) => void): void {
    this.#exchange = undefined;
    this.#attempts += 1;
    if (this.#logs) this.#account('authentication', user, result);
    const step: AccessStep = { kind: 'denied', reason, isOver: this.#attempts >= ATTEMPTS_MAX };
    const { ip } = this.#facts;
    if (ip === undefined || result === -1) done(step);
    else this.#port.wheel.schedule(this.#port.authenticator.failed(ip), () => done(step));
  }

  #account(kind: AccountingEvent['kind'], user: string, result: 1 | 0 | -1, command?: string, role?: string): void {
    const { listener, peer } = this.#facts;
    this.#port.account({
      kind,
      listener,
      peer,
      user,
      result,
      ...(command === undefined ? {} : { command }),
      ...(role === undefined ? {} : { role }),
    });
  }
}
