/**
 * maildir: keeps the messages of some domains, or of all, in mailbox directories instead of spooling them.
 *
 * The one rule: a message is answered 250 only when it is on disk in every mailbox it was for (delivery.ts). An unknown
 * mailbox is refused at RCPT TO, unless `createusers` lets it be made.
 * Not here: relay decisions; a domain must be let in by relay_domains as any other. Truth: rule OUT-48.
 */
import { CONTINUE, type BodySink, type MailboxStore, type StoreRecipient, type Verdict } from '#hooks';
import { MaildirDelivery } from './delivery.ts';
import { isDirectory, realDisk, type MaildirDisk } from './disk.ts';
import { mailboxPath } from './mailbox-path.ts';
import { maildirSettings, type MaildirSettings } from './settings.ts';

export { maildirSettings };
export type { MaildirDisk, MaildirSettings };

export interface MaildirPorts {
  readonly settings: MaildirSettings;
  /** Host name for file names. */
  readonly host: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly disk?: MaildirDisk;
}

const UNKNOWN_MAILBOX: Verdict = { kind: 'reject', reply: { code: 550, enhanced: '5.1.1', text: 'no such mailbox' } };
const UNREADABLE: Verdict = { kind: 'reject', reply: { code: 451, enhanced: '4.3.0', text: 'mailbox cannot be looked up now' } };

export class MaildirStore implements MailboxStore {
  readonly name = 'maildir';
  readonly #settings: MaildirSettings;
  readonly #disk: MaildirDisk;
  readonly #o: MaildirPorts;

  constructor(o: MaildirPorts) {
    this.#settings = o.settings;
    this.#disk = o.disk ?? realDisk;
    this.#o = { ...o, host: o.host.replaceAll('/', String.raw`\057`).replaceAll(':', String.raw`\072`) };
  }

  claims(domain: string): boolean {
    return this.#settings.allDomains || this.#settings.domains.has(domain);
  }

  check(local: string, domain: string, answer: (verdict: Verdict) => void): void {
    const mailbox = mailboxPath(this.#settings, local, domain);
    if (mailbox === undefined) {
      answer(UNKNOWN_MAILBOX);
      return;
    }
    if (this.#settings.createUsers) {
      answer(CONTINUE);
      return;
    }
    isDirectory(this.#disk, mailbox).then(
      (isThere) => answer(isThere ? CONTINUE : UNKNOWN_MAILBOX),
      () => answer(UNREADABLE),
    );
  }

  open(recipients: readonly StoreRecipient[]): BodySink {
    return new MaildirDelivery({ settings: this.#settings, disk: this.#disk, host: this.#o.host, now: this.#o.now }, recipients);
  }
}
