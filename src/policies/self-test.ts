/**
 * Whether the name servers verify DNSSEC: asked at the start, when the configuration changes, and every CHECK_MS.
 *
 * The one rule: with a server that answers and does not verify, DANE is off, loudly, since its answers prove nothing; a server that says nothing at
 * all changes nothing. It is on again by itself when all servers that answer verify. Mail is never held because of this test.
 * Truth: RFC 7672 section 2.1.1 (the resolver must be trusted), the self-test.
 */
import type { Prover } from '#dns';

const CHECK_MS = 600_000;

type DaneState = 'off' | 'untested' | 'on' | 'unverified';

interface SelfTestPorts {
  readonly provers: (signedName: string, done: (servers: readonly Prover[]) => void) => void;
  readonly signedName: () => string;
  /** Whether there is a dane {} at all. */
  readonly isWanted: () => boolean;
  readonly tell: (level: 'ERROR' | 'NOTICE' | 'WARNING', text: string) => void;
  readonly later: (ms: number, work: () => void) => () => void;
}

export class DaneSelfTest {
  readonly #o: SelfTestPorts;
  #state: DaneState = 'off';
  #run = 0;
  #stop = (): void => undefined;
  #servers: readonly Prover[] = [];
  #isFarTold = false;

  constructor(o: SelfTestPorts) {
    this.#o = o;
    this.test();
  }

  get state(): DaneState {
    return this.#state;
  }

  get isOn(): boolean {
    return this.#state === 'on' || this.#state === 'untested';
  }

  /** For people, a line a server. */
  lines(): string[] {
    return this.#servers.map(({ ip, verifies }) => `${ip} ${words[verifies]}`);
  }

  /** Tests now, and again later. */
  test(): void {
    this.#stop();
    this.#run += 1;
    if (!this.#o.isWanted()) {
      this.#state = 'off';
      return;
    }
    if (this.#state === 'off') this.#state = 'untested';
    const run = this.#run;
    this.#stop = this.#o.later(CHECK_MS, () => this.test());
    this.#o.provers(this.#o.signedName(), (servers) => {
      if (run === this.#run) this.#judge(servers);
    });
  }

  close(): void {
    this.#run += 1;
    this.#stop();
  }

  #judge(servers: readonly Prover[]): void {
    this.#servers = servers;
    const bad = servers.filter(({ verifies }) => verifies === 'no');
    const before = this.#state;
    if (bad.length > 0) this.#state = 'unverified';
    else if (servers.some(({ verifies }) => verifies === 'yes')) this.#state = 'on';
    if (this.#state === before) return;
    const names = bad.map(({ ip }) => ip).join(', ');
    if (this.#state === 'unverified')
      this.#o.tell(
        'ERROR',
        `DANE is off: name server ${names} does not verify DNSSEC ("${this.#o.signedName()}" came without AD); mail goes as TLS and MTA-STS say`,
      );
    else if (before === 'unverified') this.#o.tell('NOTICE', 'DANE is on: the name servers verify DNSSEC');
    const far = servers.filter(({ ip }) => !/^(?:127\.|::1$)/.test(ip));
    if (this.#state !== 'on' || far.length === 0 || this.#isFarTold) return;
    this.#isFarTold = true;
    const where = far.map(({ ip }) => ip).join(', ');
    this.#o.tell(
      'WARNING',
      `DANE believes what ${where} says of DNSSEC: the way there must be safe, or use a verifying resolver on this host`,
    );
  }
}

const words = { yes: 'verifies DNSSEC', no: 'does not verify DNSSEC', silent: 'did not answer' } as const;
