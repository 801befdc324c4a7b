/**
 * The thread in which private keys work, as an event loop sees it: jobs go out in one array a turn, answers come back the same way.
 *
 * The one rule: an event loop never computes a signature itself, so a big key delays nobody but the mail that wants it. A key is told to the thread
 * once. When the thread dies its open jobs go to a successor, once; what fails twice is answered without a signature.
 * Bound: a job for each message that waits for its 250, so as many as there are sessions. Truth: ARCHITECTURE.md, section 5.
 */
import { Worker } from 'node:worker_threads';
import type { KeyObject } from 'node:crypto';
import type { Algorithm } from './plan.ts';

/** Keys that a thread is told before it forgets them all: keys are read again now and then, and each time they are new ones. */
export const KEYS_MAX = 8192;

/**
 * What goes to the thread in one turn, as columns, since each object of its own would cost more than its values: keys that it does not know
 * yet, and jobs, each with the number of its key.
 */
export interface ToSigningThread {
  /** Forget the keys of before first. */
  readonly forgets: boolean;
  readonly newKeyIds: number[];
  readonly newKeys: KeyObject[];
  readonly ids: number[];
  readonly keyIds: number[];
  readonly algorithms: Algorithm[];
  readonly inputs: string[];
}

/** Columns of answers; '' for a signature that could not be made. */
export interface FromSigningThread {
  readonly ids: number[];
  readonly signatures: string[];
}

interface Job {
  readonly algorithm: Algorithm;
  readonly input: string;
  readonly key: KeyObject;
  readonly done: (signature: string) => void;
  tries: number;
}

interface SigningThreadPorts {
  readonly entryBeside: (importMetaUrl: string, name: string) => URL;
  readonly workerFlags: (entry: URL) => string[] | undefined;
  readonly died: (why: string) => void;
}

export class SigningThread {
  readonly #o: SigningThreadPorts;
  readonly #jobs = new Map<number, Job>();
  #worker: Worker | undefined;
  #keys = new Map<KeyObject, number>();
  #outbox: ToSigningThread | undefined;
  #isFlushing = false;
  #ids = 0;

  constructor(o: SigningThreadPorts) {
    this.#o = o;
  }

  /** @param done base64, or '' when it could not be made */
  sign(input: string, algorithm: Algorithm, key: KeyObject, done: (signature: string) => void): void {
    const id = ++this.#ids;
    const job: Job = { algorithm, input, key, done, tries: 0 };
    this.#jobs.set(id, job);
    this.#send(id, job);
  }

  /** Jobs that wait for an answer. */
  get waiting(): number {
    return this.#jobs.size;
  }

  close(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
    this.#outbox = undefined;
    this.#fail();
  }

  #fail(): void {
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const { done } of jobs) done('');
  }

  #send(id: number, job: Job): void {
    job.tries += 1;
    let keyId = this.#keys.get(job.key);
    if (keyId === undefined) {
      if (this.#keys.size >= KEYS_MAX) {
        // What waits is meant for the keys of before.
        this.#flush();
        this.#keys.clear();
        this.#outbox = emptyOutbox(true);
      }
      keyId = this.#keys.size;
      this.#keys.set(job.key, keyId);
      const outbox = (this.#outbox ??= emptyOutbox(false));
      outbox.newKeyIds.push(keyId);
      outbox.newKeys.push(job.key);
    }
    const outbox = (this.#outbox ??= emptyOutbox(false));
    outbox.ids.push(id);
    outbox.keyIds.push(keyId);
    outbox.algorithms.push(job.algorithm);
    outbox.inputs.push(job.input);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Waking a thread is the dear part: once a turn, not once a message.
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const outbox = this.#outbox;
    this.#outbox = undefined;
    if (outbox !== undefined) this.#thread().postMessage(outbox);
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const entry = this.#o.entryBeside(import.meta.url, 'signing-entry');
    const flags = this.#o.workerFlags(entry);
    const worker = new Worker(entry, { name: 'signing', ...(flags === undefined ? {} : { execArgv: flags }) });
    this.#worker = worker;
    worker.unref();
    worker.on('message', ({ ids, signatures }: FromSigningThread) => {
      for (const [i, id] of ids.entries()) {
        const job = this.#jobs.get(id);
        this.#jobs.delete(id);
        job?.done(signatures[i] ?? '');
      }
    });
    worker.on('error', (error) => this.#died(worker, error.message));
    worker.on('exit', () => this.#died(worker, 'it ended'));
    return worker;
  }

  #died(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#keys = new Map();
    this.#outbox = undefined;
    this.#o.died(why);
    for (const [id, job] of Array.from(this.#jobs)) {
      if (job.tries === 1) {
        this.#send(id, job);
        continue;
      }
      this.#jobs.delete(id);
      job.done('');
    }
  }
}

function emptyOutbox(forgets: boolean): ToSigningThread {
  return { forgets, newKeyIds: [], newKeys: [], ids: [], keyIds: [], algorithms: [], inputs: [] };
}
