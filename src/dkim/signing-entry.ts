/*
 * The program of the signing thread: signs what it is given, and answers in groups: at once when nothing more waits, else what was signed within GATHER_MS.
 *
 * The one rule: it knows keys and octets and nothing of mail; what cannot be signed is answered with '' and never ends the thread.
 * Not here: who asks (signing-thread.ts). Truth: ARCHITECTURE.md, section 5.
 */
import { parentPort, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { KeyObject } from 'node:crypto';
import { systemClock } from '#base';
import type { Algorithm } from './plan.ts';
import { signature } from './signature.ts';
import type { FromSigningThread, ToSigningThread } from './signing-thread.ts';

const keys = new Map<number, KeyObject>();

function signed(input: string, algorithm: Algorithm, key: KeyObject | undefined): string {
  if (key === undefined) return '';
  try {
    return signature(input, algorithm, key);
  } catch {
    return '';
  }
}

/** Milliseconds for which an answer waits for others while there is more to sign: each answer alone would be a turn, and a write to the disk, of its own. */
const GATHER_MS = 2;

class Answers {
  readonly #port: MessagePort;
  #waiting: FromSigningThread = { ids: [], signatures: [] };
  #since = systemClock.mono();

  constructor(port: MessagePort) {
    this.#port = port;
  }

  add(id: number, text: string): void {
    this.#waiting.ids.push(id);
    this.#waiting.signatures.push(text);
    if (systemClock.mono() - this.#since >= GATHER_MS) this.post();
  }

  post(): void {
    if (this.#waiting.ids.length > 0) this.#port.postMessage(this.#waiting);
    this.#waiting = { ids: [], signatures: [] };
    this.#since = systemClock.mono();
  }
}

function learn({ forgets, newKeyIds, newKeys }: ToSigningThread): void {
  if (forgets) keys.clear();
  for (const [i, keyId] of newKeyIds.entries()) keys.set(keyId, newKeys[i] as KeyObject);
}

function serve(port: MessagePort): void {
  port.on('message', (first: ToSigningThread) => {
    const answers = new Answers(port);
    for (let batch: ToSigningThread | undefined = first; batch !== undefined; batch = receiveMessageOnPort(port)?.message) {
      learn(batch);
      for (const [i, id] of batch.ids.entries())
        answers.add(id, signed(batch.inputs[i] as string, batch.algorithms[i] as Algorithm, keys.get(batch.keyIds[i] as number)));
    }
    answers.post();
  });
}

if (parentPort !== null) serve(parentPort);
