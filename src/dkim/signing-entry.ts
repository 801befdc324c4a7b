/*
 * The program of the signing thread: signs what it is given, one array of answers for one array of jobs.
 *
 * The one rule: it knows keys and octets and nothing of mail; what cannot be signed is answered with '' and never ends the thread.
 * Not here: who asks (signing-thread.ts). Truth: ARCHITECTURE.md, section 5.
 */
import { parentPort } from 'node:worker_threads';
import type { KeyObject } from 'node:crypto';
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

parentPort?.on('message', (messages: readonly ToSigningThread[]) => {
  const answers: FromSigningThread[] = [];
  for (const message of messages) {
    if (message.kind === 'forget') keys.clear();
    else if (message.kind === 'key') keys.set(message.keyId, message.key);
    else answers.push({ id: message.id, signature: signed(message) });
  }
  if (answers.length > 0) parentPort?.postMessage(answers);
});
