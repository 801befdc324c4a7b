/*
 * `spool import`: mail of another spool of ours, or a folder of messages in files, comes through the door of this loop and leaves its old place.
 *
 * The one rule: a message leaves where it was when it is durable here, and not before; so a crash can bring one twice and loses none. What was decided
 * about it is kept (recipients still open, binding, time of reception, terms); no policy may refuse it again. What cannot be read stays and is counted.
 * Bounds: WORKERS_MAX messages under way; REMEMBERED imports that can be asked for; one dry run at a time.
 * Not here: reading files (message-file.ts), what a dry run says (import-look.ts), words for people (control). Truth: SPL-12; section 5.1, `spool import`, `spool import_poll`.
 */
import { lstat, opendir, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { toAsciiDomain, type Clock, type Random } from '#base';
import { ValidationContext } from '#hooks';
import type { EnvelopeHead, Intake, MessageDraft } from '#intake';
import { receivedHeader, splitAddress, termsOf, traceHeaders, type Hop } from '#mail';
import type { ImportRecord, RecordSink } from '#observe';
import { claimSpool, nodeDisk, readMarker, Spool, SpoolError, type RecoveredBatch, type SpoolClaim } from '#spool';
import { lookAt, type ImportLook } from './import-look.ts';
import { readMessageFile } from './message-file.ts';

const WORKERS_MAX = 64;
const REMEMBERED = 16;
const PROBLEMS_KEPT = 10;

interface ImportPorts {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
  readonly product: string;
  /** SpoolBase of this server. */
  readonly own: string;
  readonly panic: (text: string) => void;
  /** For the importlog. */
  readonly records: RecordSink;
}

export interface ImportOrder {
  readonly path: string;
  readonly workers: number;
  readonly isTraced: boolean;
}

interface ImportStatus {
  readonly path: string;
  readonly kind: 'spool' | 'folder';
  imported: number;
  failed: number;
  isOver: boolean;
  /** Of the first that failed, and of what ended the import. */
  readonly problems: string[];
}

/** How it went, in the numbers of the importlog. */
interface Outcome {
  readonly result: ImportRecord['result'];
  readonly problem?: string;
  /** Of the messages here, in the order of the old ones. */
  readonly ids?: readonly string[];
}

/** One message to bring in. */
interface Item {
  readonly name: string;
  /** Of its recipients that are open, where it was. */
  readonly ids: readonly string[];
  bring(): Promise<Outcome>;
  /** It leaves its old place. */
  leave(): Promise<void>;
}

interface Source {
  readonly items: AsyncGenerator<Item>;
  close(): Promise<void>;
}

export class SpoolImports {
  readonly #o: ImportPorts;
  readonly #known = new Map<string, ImportStatus>();
  /** By a dry run, now. */
  #lookedAt: string | undefined;

  constructor(o: ImportPorts) {
    this.#o = o;
  }

  poll(path: string): ImportStatus | undefined {
    return this.#known.get(resolve(path));
  }

  /** Begins; answers with a problem, or undefined when it goes on by itself. */
  async start({ path: given, workers, isTraced }: ImportOrder): Promise<string | undefined> {
    const path = resolve(given);
    try {
      const problem = await this.#problemWith(path);
      if (problem !== undefined) return problem;
      const isSpool = (await readMarker(nodeDisk, path)) !== undefined;
      // Whoever else uses it is found now, and not when nobody listens any more.
      const claim = isSpool ? await claimSpool({ dir: path, random: this.#o.random }) : undefined;
      const status: ImportStatus = { path, kind: isSpool ? 'spool' : 'folder', imported: 0, failed: 0, isOver: false, problems: [] };
      const source =
        claim === undefined ? { items: this.#files(path, isTraced), close: () => Promise.resolve() } : await this.#ofSpool(claim, isTraced);
      this.#remember(status);
      void this.#run(source, status, Math.min(WORKERS_MAX, Math.max(1, workers)));
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }

  /** What an import would do; nothing is done. A problem is that of `start`. */
  async look({ path: given }: ImportOrder): Promise<ImportLook | string> {
    const path = resolve(given);
    if (this.#lookedAt !== undefined) return `a dry run is looking at ${this.#lookedAt}: ask again when it has answered`;
    this.#lookedAt = path;
    try {
      // Its own name is no obstacle to it.
      const problem = await this.#problemWith(path, false);
      if (problem !== undefined) return problem;
      const isSpool = (await readMarker(nodeDisk, path)) !== undefined;
      return await lookAt({ path, isSpool, clock: this.#o.clock, random: this.#o.random });
    } catch (error) {
      return reasonOf(error);
    } finally {
      this.#lookedAt = undefined;
    }
  }

  async #problemWith(path: string, minds = true): Promise<string | undefined> {
    if (path === resolve(this.#o.own)) return 'it is the spool of this server';
    if (this.#known.get(path)?.isOver === false) return 'it is being imported already';
    if (minds && this.#lookedAt === path) return 'a dry run is looking at it: ask again when it has answered';
    if (!(await lstat(path)).isDirectory()) return 'it is no directory';
    return undefined;
  }

  #remember(status: ImportStatus): void {
    this.#known.delete(status.path);
    this.#known.set(status.path, status);
    for (const [path, { isOver }] of this.#known) {
      if (this.#known.size <= REMEMBERED) break;
      if (isOver) this.#known.delete(path);
    }
  }

  async #run({ items, close }: Source, status: ImportStatus, workers: number): Promise<void> {
    const work = async (): Promise<void> => {
      for (let step = await items.next(); step.done !== true; step = await items.next()) await this.#one(step.value, status);
    };
    try {
      for (const end of await Promise.allSettled(Array.from({ length: workers }, work))) if (end.status === 'rejected') throw end.reason;
    } catch (error) {
      status.problems.push(`it ended early: ${reasonOf(error)}`);
    } finally {
      // Only when nobody is under way: the last ones leave after the source has given out everything.
      await close().catch((error: unknown) => status.problems.push(reasonOf(error)));
      status.isOver = true;
    }
  }

  async #one(item: Item, status: ImportStatus): Promise<void> {
    let problem: string | undefined;
    try {
      const outcome = await item.bring();
      problem = outcome.problem;
      this.#record(item.ids, outcome, status.path);
      if (problem === undefined) {
        status.imported += 1;
        await item.leave();
      }
    } catch (error) {
      problem = reasonOf(error);
    }
    if (problem === undefined) return;
    status.failed += 1;
    if (status.problems.length < PROBLEMS_KEPT) status.problems.push(`${item.name}: ${problem}`);
  }

  #record(old: readonly string[], { result, ids }: Outcome, directory: string): void {
    const at = this.#o.clock.now();
    // A file is one and becomes a message for each of its recipients.
    const count = Math.max(old.length, ids?.length ?? 0);
    for (let i = 0; i < count; i++) {
      this.#o.records.record({ kind: 'I', at, originalId: old[i] ?? old[0] ?? '', messageId: ids?.[i] ?? '', result, directory });
    }
  }

  async #ofSpool(claim: SpoolClaim, isTraced: boolean): Promise<Source> {
    const { clock, panic } = this.#o;
    try {
      const spool = await Spool.open({ dir: claim.dir, loop: 0, clock, panic, durable: true });
      const close = async (): Promise<void> => {
        await spool.flush();
        await spool.close();
        claim.release();
      };
      return { items: this.#batches(spool, isTraced), close };
    } catch (error) {
      claim.release();
      throw error;
    }
  }

  async *#batches(spool: Spool, isTraced: boolean): AsyncGenerator<Item> {
    for await (const batch of spool.recover()) {
      const id = batch.envelope.batchId;
      const ids = batch.envelope.recipients.filter((_, i) => batch.states[i]?.outcome === 'open').map((recipient) => recipient.id);
      yield { name: id, ids, bring: () => this.#stored(spool, batch, isTraced), leave: async () => spool.settled(id) };
    }
  }

  #stored(spool: Spool, { envelope, states }: RecoveredBatch, isTraced: boolean): Promise<Outcome> {
    const open = envelope.recipients.flatMap((recipient, i) => (states[i]?.outcome === 'open' ? [{ recipient, state: states[i] }] : []));
    const { sender, connectionId, remoteIp, remotePort, helo, ret, envid, body, smtpUtf8, pathway, receivedAt } = envelope;
    const context = new ValidationContext();
    for (const [key, value] of Object.entries(envelope.contextConnection)) context.setConnection(key, value);
    for (const [key, value] of Object.entries(envelope.contextMessage)) context.setMessage(key, value);
    const head: EnvelopeHead = {
      connection: { id: connectionId, remoteIp, remotePort, localIp: '', localPort: 0, protocol: 'internal', helo },
      protocol: 'internal',
      context,
      sender,
      senderDomain: domainOf(sender),
      recipients: open.map(({ recipient: { address, local, domain, notify, orcpt }, state }) => {
        return { address, local, domain: state?.route ?? domain, notify, orcpt };
      }),
      ret,
      envid,
      body,
      smtpUtf8,
      pathway,
      terms: termsOf(envelope),
      stored: { receivedAt },
    };
    const prepare = (draft: MessageDraft): void =>
      open.forEach(({ recipient, state }, i) => {
        const incoming = draft.recipients[i];
        const binding = state?.binding ?? recipient.binding;
        if (binding !== 'default') incoming?.setBinding(binding);
        if (recipient.gateway !== undefined) incoming?.setGateway(recipient.gateway);
        if (recipient.priority === 1) incoming?.setPriority(1);
      });
    const top = (id: string): Buffer => Buffer.from(receivedHeader(this.#hop(id, sender)));
    return this.#through(head, { prepare, top: isTraced ? top : undefined, parts: (take) => spool.loadBodyParts(envelope.batchId, take) });
  }

  async *#files(path: string, isTraced: boolean): AsyncGenerator<Item> {
    for await (const { name } of await opendir(path)) {
      if (name.startsWith('.')) continue;
      const file = join(path, name);
      yield { name, ids: [name], bring: () => this.#file(file, isTraced), leave: () => unlink(file) };
    }
  }

  async #file(path: string, isTraced: boolean): Promise<Outcome> {
    const read = await readMessageFile(path);
    if ('problem' in read) return read;
    const { message, headers, envelope: found } = read;
    const { bodyAt } = headers;
    for (const hidden of ['bcc', 'resent-bcc', 'return-path']) headers.remove(hidden);
    const { sender, recipients } = found;
    const has8 = message.some((octet) => octet > 127);
    const isUtf8 = [sender, ...recipients.map((recipient) => recipient.text)].some((address) => /[^ -~]/.test(address));
    const head: EnvelopeHead = {
      connection: { id: this.#o.intake.nextId(), remoteIp: '', remotePort: 0, localIp: '', localPort: 0, protocol: 'internal', helo: '' },
      protocol: 'internal',
      context: new ValidationContext(),
      sender,
      senderDomain: domainOf(sender),
      recipients: recipients.map(({ text: address, local, domain }) => ({ address, local, domain })),
      ...(has8 ? { body: '8BITMIME' as const } : {}),
      ...(isUtf8 ? { smtpUtf8: true } : {}),
    };
    const top = (id: string): Buffer => traceHeaders(this.#hop(id, sender));
    const parts = async (take: (bytes: Buffer) => Promise<void>): Promise<void> => {
      await take(Buffer.concat([headers.toBuffer(), Buffer.from('\r\n'), message.subarray(bodyAt)]));
    };
    return this.#through(head, { top: isTraced ? top : undefined, parts });
  }

  /** Through the door. */
  async #through(
    head: EnvelopeHead,
    o: {
      readonly prepare?: (draft: MessageDraft) => void;
      readonly top: ((id: string) => Buffer) | undefined;
      readonly parts: (take: (bytes: Buffer) => Promise<void>) => Promise<void>;
    },
  ): Promise<Outcome> {
    const draft = this.#o.intake.open(head);
    o.prepare?.(draft);
    // A piece may be written over by the next one.
    const take = (bytes: Buffer): Promise<void> =>
      new Promise((done) => (draft.append(Buffer.from(bytes)) ? done() : (draft.onDrain = done)));
    try {
      if (o.top !== undefined) await take(o.top(draft.batchId));
      await o.parts(take);
    } catch (error) {
      draft.abort();
      return { result: 3, problem: reasonOf(error) };
    }
    const ids = draft.recipients.map((recipient) => recipient.id);
    return new Promise((done) =>
      draft.finish((error) => done(error === undefined ? { result: 1, ids } : { result: 4, problem: error.message })),
    );
  }

  #hop(id: string, sender: string): Hop {
    const { hostname, product, clock } = this.#o;
    return { remoteIp: '', remotePort: 0, helo: 'import', by: hostname, sender, product, with: 'local', id, at: clock.now() };
  }
}

function domainOf(sender: string): string {
  const { domain } = splitAddress(sender);
  return toAsciiDomain(domain) ?? domain.toLowerCase();
}

function reasonOf(error: unknown): string {
  if (error instanceof SpoolError) return error.message;
  return error instanceof Error ? error.message : String(error);
}
