/**
 * One message into one or several mailboxes: written in tmp while it is received, then copied, synced and renamed into new.
 *
 * The one rule: nothing appears in new before it is on the disk in every mailbox, and `commit` answers after the directories
 * are synced as well. File names hold the message id, which never repeats, so no two deliveries ever meet.
 * Bounds: `WAITING_BYTES_MAX` bytes not yet written; one open file whatever the number of recipients.
 * Truth: rule OUT-48; the maildir(5) convention of qmail.
 */
import { join } from 'node:path';
import type { BodySink, StoreRecipient } from '#hooks';
import type { Envelope } from '#mail';
import { isDirectory, makeDirectory, syncPath, type MaildirDisk, type MaildirFile } from './disk.ts';
import { mailboxPath } from './mailbox-path.ts';
import type { MaildirSettings } from './settings.ts';

/** Bytes of a message waiting for the disk above which the receiver is asked to wait. */
export const WAITING_BYTES_MAX = 262_144;

/** A message is only begun on the disk when this many bytes have come, or when it is complete. */
const BEGIN_BYTES = 65_536;

interface DeliveryPorts {
  readonly settings: MaildirSettings;
  readonly disk: MaildirDisk;
  /** Last part of every file name. */
  readonly host: string;
  readonly now: () => number;
}

export class MaildirDelivery implements BodySink {
  onDrain: (() => void) | undefined;
  readonly #o: DeliveryPorts;
  readonly #recipients: readonly StoreRecipient[];
  readonly #made: string[] = [];
  readonly #seconds: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isFull = false;
  #isAborted = false;
  #file: MaildirFile | undefined;
  #firstPath = '';
  #work: Promise<void> = Promise.resolve();
  #failure: Error | undefined;

  constructor(o: DeliveryPorts, recipients: readonly StoreRecipient[]) {
    this.#o = o;
    this.#recipients = recipients;
    this.#seconds = Math.floor(o.now() / 1000);
  }

  append(chunk: Buffer): boolean {
    if (this.#isAborted || this.#failure !== undefined) return true;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= BEGIN_BYTES) this.#then(() => this.#write());
    this.#isFull = this.#waitingBytes > WAITING_BYTES_MAX;
    return !this.#isFull;
  }

  commit(_envelope: Envelope, done: (error?: Error) => void): void {
    this.#then(() => this.#write());
    this.#then(() => this.#finish());
    void this.#work.then(async () => {
      if (this.#failure !== undefined) await this.#undo();
      done(this.#failure);
    });
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    void this.#work.then(() => this.#undo());
  }

  /** Queues a step. After a failure no further step runs; the failure is what `commit` answers. */
  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#failure !== undefined || this.#isAborted) return;
      try {
        await step();
      } catch (error) {
        this.#failure = error instanceof Error ? error : new Error(String(error));
        this.#waiting = [];
        this.#waitingBytes = 0;
        this.#drained();
      }
    });
  }

  async #write(): Promise<void> {
    if (this.#file === undefined) this.#file = await this.#begin();
    const chunks = this.#waiting;
    const bytes = this.#waitingBytes;
    this.#waiting = [];
    this.#waitingBytes = 0;
    await writeAll(this.#file, chunks, bytes);
    this.#drained();
  }

  #drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.onDrain?.();
  }

  async #begin(): Promise<MaildirFile> {
    const first = this.#recipients[0];
    if (first === undefined) throw new Error('maildir: no recipient');
    this.#firstPath = await this.#prepare(first);
    const file = await this.#o.disk.open(this.#firstPath, 'wx', this.#o.settings.fileMode);
    this.#made.push(this.#firstPath);
    await file.chmod(this.#o.settings.fileMode);
    return file;
  }

  /** The whole message is in the first mailbox's tmp: copy it to the others, then let it appear everywhere. */
  async #finish(): Promise<void> {
    const file = this.#file as MaildirFile;
    await file.sync();
    await file.close();
    this.#file = undefined;
    const drafts = [this.#firstPath];
    for (const recipient of this.#recipients.slice(1)) {
      const path = await this.#prepare(recipient);
      this.#made.push(path);
      await this.#o.disk.copyFile(this.#firstPath, path);
      await this.#o.disk.chmod(path, this.#o.settings.fileMode);
      await syncPath(this.#o.disk, path);
      drafts.push(path);
    }
    for (let i = 0; i < drafts.length; i++) {
      const draft = drafts[i] as string;
      const shown = draft.replace(/\/tmp\/([^/]+)$/, '/new/$1');
      await this.#o.disk.rename(draft, shown);
      this.#made[i] = shown;
      await syncPath(this.#o.disk, join(shown, '..'));
    }
    this.#made.length = 0;
  }

  /** Makes the mailbox if it may be made; the path of this recipient's draft. */
  async #prepare(recipient: StoreRecipient): Promise<string> {
    const { settings, disk } = this.#o;
    const mailbox = mailboxPath(settings, recipient.local, recipient.domain);
    if (mailbox === undefined) throw new Error('maildir: this local part names no mailbox');
    for (const part of ['tmp', 'new', 'cur']) {
      const path = join(mailbox, part);
      if (!(await isDirectory(disk, path))) await makeDirectory(disk, path, settings.dirMode);
    }
    return join(mailbox, 'tmp', `${this.#seconds}.${recipient.id.replace(/[^0-9A-Za-z]/g, '_')}.${this.#o.host}`);
  }

  async #undo(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
    } catch {
      // The file is removed next; what could not be closed is closed with the process.
    }
    for (const path of this.#made.splice(0)) {
      try {
        await this.#o.disk.unlink(path);
      } catch {
        // A draft that stays in tmp is what maildir readers remove after 36 hours.
      }
    }
  }
}

async function writeAll(file: MaildirFile, chunks: Buffer[], bytes: number): Promise<void> {
  if (bytes === 0) return;
  const { bytesWritten } = await file.writev(chunks);
  if (bytesWritten === bytes) return;
  // A short write (a full disk, a limit): the rest is tried once more, so that the true error comes to light.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  if (bytesWritten === 0) throw new Error('maildir: nothing could be written');
  await writeAll(file, [rest], rest.length);
}
