/*
 * The program of the signing thread: signs what it is given, and answers in arrays: at once when nothing more waits, else what was signed within GATHER_MS.
 *
 * The one rule: it knows keys and octets and nothing of mail; what cannot be signed is answered with '' and never ends the thread.
 * Not here: who asks (signing-thread.ts). Truth: ARCHITECTURE.md, section 5.
 */
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { KeyObject } from 'node:crypto';
import { systemClock } from '#base';
import { signature } from './signature.ts';
import type { FromSigningThread, ToSigningThread } from './signing-thread.ts';

const keys = new Map<number, KeyObject>();

function signed(job: Extract<ToSigningThread, { kind: 'sign' }>): string {
  const key = keys.get(job.keyId);
  if (key === undefined) return '';
  try {
    return signature(job.input, job.algorithm, key);
  } catch {
    return '';
  }
}

/** Milliseconds for which an answer waits for others while there is more to sign: each answer alone would be a turn, and a write to the disk, of its own. */
const GATHER_MS = 2;

function serve(port: MessagePort): void {
  port.on('message', (first: readonly ToSigningThread[]) => {
    let answers: FromSigningThread[] = [];
    let since = systemClock.mono();
    const post = (): void => {
      if (answers.length > 0) port.postMessage(answers);
      answers = [];
      since = systemClock.mono();
    };
    for (let messages: typeof first | undefined = first; messages !== undefined; messages = receiveMessageOnPort(port)?.message) {
      for (const message of messages) {
        if (message.kind === 'forget') keys.clear();
        else if (message.kind === 'key') keys.set(message.keyId, message.key);
        else answers.push({ id: message.id, signature: signed(message) });
        if (systemClock.mono() - since >= GATHER_MS) post();
      }
    }
    post();
  });
}

if (parentPort !== null) serve(parentPort);
