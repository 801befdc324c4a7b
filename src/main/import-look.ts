/*
 * `spool import ... --dry-run`: what an import would bring in from another spool of ours, or from a folder of messages, and what it would leave there.
 *
 * The one rule: nothing is written. A spool is locked for as long as it is read, so that one in use is refused as the import itself would refuse it.
 * Bounds: LOOK_MS of reading, after which it says how far it came; EACH_MAX messages by name with RECIPIENTS_MAX addresses; PROBLEMS_MAX reasons.
 * Not here: what only the door can say (a full disk). Truth: issue part "a dry run of every bulk command"; SPL-12.
 */
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Random } from '#base';
import { readSpool } from '#spool';
import { readMessageFile } from './message-file.ts';

/** Shorter than the console waits. */
const LOOK_MS = 30_000;
const EACH_MAX = 50;
const RECIPIENTS_MAX = 5;
const PROBLEMS_MAX = 50;

interface Found {
  readonly name: string;
  readonly sender: string;
  /** The first of them. */
  readonly recipients: readonly string[];
  readonly recipientCount: number;
}

export interface ImportLook {
  readonly path: string;
  readonly kind: 'spool' | 'folder';
  messages: number;
  recipients: number;
  /** Files that would stay where they are. */
  failed: number;
  /** Places of a spool that hold no message that can be read; an import puts them aside there. */
  damaged: number;
  readonly each: Found[];
  readonly problems: string[];
  /** False: time was over before everything was read. */
  isOver: boolean;
}

interface LookOrder {
  readonly path: string;
  readonly isSpool: boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** Rejects when the place as a whole cannot be imported. */
export async function lookAt({ path, isSpool, clock, random }: LookOrder): Promise<ImportLook> {
  const until = clock.now() + LOOK_MS;
  const isLate = (): boolean => clock.now() > until;
  const look: ImportLook = {
    path,
    kind: isSpool ? 'spool' : 'folder',
    messages: 0,
    recipients: 0,
    failed: 0,
    damaged: 0,
    each: [],
    problems: [],
    isOver: true,
  };
  if (isSpool) await ofSpool(look, { dir: path, clock, random }, isLate);
  else await ofFolder(look, isLate);
  return look;
}

async function ofSpool(look: ImportLook, o: { dir: string; clock: Clock; random: Random }, isLate: () => boolean): Promise<void> {
  const found = await readSpool(o, async ({ batchId, envelope, states }) => {
    if (isLate()) {
      look.isOver = false;
      return true;
    }
    const open = envelope.recipients.filter((_, i) => states[i]?.outcome === 'open').map(({ address }) => address);
    if (open.length > 0) take(look, batchId, envelope.sender, open);
    return false;
  });
  for (const { path, offset } of found.unreadable) damage(look, `${path} at ${offset}: the envelope of a message cannot be read`);
  for (const { path, place } of found.damages)
    damage(
      look,
      place === undefined ? `${path}: no segment of this spool` : `${path} at ${place.offset}: ${place.bytes} bytes that are no record`,
    );
}

async function ofFolder(look: ImportLook, isLate: () => boolean): Promise<void> {
  for await (const { name } of await opendir(look.path)) {
    if (name.startsWith('.')) continue;
    if (isLate()) {
      look.isOver = false;
      return;
    }
    const read = await readMessageFile(join(look.path, name)).catch((error: unknown) => ({ problem: (error as Error).message }));
    if ('problem' in read) {
      look.failed += 1;
      problem(look, `${name}: ${read.problem}`);
      continue;
    }
    const { sender, recipients } = read.envelope;
    take(
      look,
      name,
      sender,
      recipients.map(({ text }) => text),
    );
  }
}

function take(look: ImportLook, name: string, sender: string, recipients: readonly string[]): void {
  look.messages += 1;
  look.recipients += recipients.length;
  if (look.each.length >= EACH_MAX) return;
  look.each.push({ name, sender, recipients: recipients.slice(0, RECIPIENTS_MAX), recipientCount: recipients.length });
}

function damage(look: ImportLook, text: string): void {
  look.damaged += 1;
  problem(look, text);
}

function problem(look: ImportLook, text: string): void {
  if (look.problems.length < PROBLEMS_MAX) look.problems.push(text);
}
