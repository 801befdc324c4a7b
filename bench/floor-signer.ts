/**
 * The bare relay's signatures: a thread that signs 700 octets of each message by RSA and answers in groups, as the server's own signing thread does.
 *
 * The one rule: nothing but the signature; no header is read, no body hashed. So the relay with it is what this runtime could do here, not a signer.
 * Used by floor.ts; goal 13.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, receiveMessageOnPort, Worker, workerData, type MessagePort } from 'node:worker_threads';

const GATHER_MS = 2;
const SIGNED_BYTES = 700;

interface Batch {
  readonly ids: number[];
  readonly texts: string[];
}

/** Asks the thread for a field that goes in front of the body. */
export function signer(keyFile: string): (body: Buffer, done: (signed: Buffer) => void) => void {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: keyFile });
  const jobs = new Map<number, (signature: string) => void>();
  let outbox: Batch = { ids: [], texts: [] };
  let id = 0;
  worker.unref();
  worker.on('message', ({ ids, texts }: Batch) => {
    for (const [i, one] of ids.entries()) {
      jobs.get(one)?.(texts[i] as string);
      jobs.delete(one);
    }
  });
  const flush = (): void => {
    worker.postMessage(outbox);
    outbox = { ids: [], texts: [] };
  };
  return (body, done) => {
    id += 1;
    jobs.set(id, (signature) => done(Buffer.concat([Buffer.from(`DKIM-Signature: b=${signature}\r\n`), body])));
    outbox.texts.push(body.toString('latin1', 0, SIGNED_BYTES));
    if (outbox.ids.push(id) === 1) setImmediate(flush);
  };
}

function serve(port: MessagePort, keyFile: string): void {
  const key = createPrivateKey(readFileSync(keyFile));
  port.on('message', (first: Batch) => {
    let answers: Batch = { ids: [], texts: [] };
    let since = performance.now();
    const post = (): void => {
      if (answers.ids.length > 0) port.postMessage(answers);
      answers = { ids: [], texts: [] };
      since = performance.now();
    };
    for (let batch: Batch | undefined = first; batch !== undefined; batch = receiveMessageOnPort(port)?.message) {
      for (const [i, id] of batch.ids.entries()) {
        answers.ids.push(id);
        answers.texts.push(sign('sha256', Buffer.from(batch.texts[i] as string, 'latin1'), key).toString('base64'));
        if (performance.now() - since >= GATHER_MS) post();
      }
    }
    post();
  });
}

if (!isMainThread && parentPort !== null) serve(parentPort, String(workerData));
