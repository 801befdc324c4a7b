/**
 * pipe_transport: hands the messages of some domains to a program instead of spooling them; its exit status is the answer to the client.
 *
 * The one rule: at most PROGRAMS_MAX programs of a stanza run at a time in an event loop, WAITING_MAX messages wait for their turn, and what comes
 * beyond hears 451. One program run for each message, whatever the number of its recipients.
 * Not here: relay decisions; a domain must be let in by relay_domains as any other. Truth: rule OUT-48.
 */
import { tmpdir } from 'node:os';
import { CONTINUE, StoreRefusal, type BodySink, type MailboxStore, type StoreRecipient, type Verdict } from '#hooks';
import { PipeDelivery, SECONDS_MAX } from './delivery.ts';
import { pipeSettings, type PipeSettings } from './settings.ts';

export { pipeSettings };

const PROGRAMS_MAX = 20;
const WAITING_MAX = 200;

export interface PipeOptions {
  readonly settings: PipeSettings;
  /** Text that no other has, for names of files. */
  readonly tag: string;
  readonly programsMax?: number;
  readonly waitingMax?: number;
  readonly secondsMax?: number;
}

export class PipeStore implements MailboxStore {
  readonly name = 'pipe_transport';
  readonly #o: PipeOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #made = 0;

  constructor(o: PipeOptions) {
    this.#o = o;
  }

  claims(domain: string): boolean {
    return this.#o.settings.domains.has(domain);
  }

  check(_local: string, _domain: string, answer: (verdict: Verdict) => void): void {
    answer(CONTINUE);
  }

  open(recipients: readonly StoreRecipient[]): BodySink {
    const id = recipients[0]?.id.replace(/[^0-9A-Za-z]/g, '_') ?? '';
    return new PipeDelivery({
      settings: this.#o.settings,
      folder: tmpdir(),
      name: () => `${this.#o.tag}-${id}-${(this.#made += 1)}`,
      enter: () => this.#enter(),
      secondsMax: this.#o.secondsMax ?? SECONDS_MAX,
    });
  }

  async #enter(): Promise<{ leave(): void }> {
    if (this.#running >= (this.#o.programsMax ?? PROGRAMS_MAX)) {
      if (this.#waiting.length >= (this.#o.waitingMax ?? WAITING_MAX))
        throw new StoreRefusal({ code: 451, enhanced: '4.3.2', text: 'pipe transport has too much to do' });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running += 1;
    return {
      leave: () => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#running -= 1;
        else next();
      },
    };
  }
}
