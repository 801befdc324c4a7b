/*
 * Commands of the manual that cannot mean anything here, or whose feature does not exist yet: each says so in one sentence.
 *
 * The one rule: a command that an operator knows is never just "unknown"; what it stands for is said. They fail, so that scripts notice.
 */
import { refusal, type Operation } from '../operation.ts';

const reasons: readonly (readonly [words: string, reason: string])[] = [
  ['fingerprint cache summary', 'operating systems of clients are not fingerprinted here'],
  ['fingerprint rejection summary', 'operating systems of clients are not fingerprinted here'],
  ['dns_cache refcnts', 'answers of the DNS are not counted by reference: "dns_cache stats" has their number'],
  ['sp_async', 'asynchronous file operations are the spool\'s own here: "threads" and "memory" show how loops are doing'],
  ['threads cpu queue', 'there is no pool of threads for computing: "threads" shows the event loops'],
  ['threads io queue', 'there is no pool of threads for files that could be waited for: "threads" shows the event loops'],
  ['unlink stats', 'the spool has no file for each message: nothing is unlinked'],
  ['spool_in', 'bodies are read back by themselves when they are needed'],
];

export const absentOperations: readonly Operation[] = reasons.map(([words, reason]) => ({
  words: words.split(' '),
  usage: words,
  about: `not here: ${reason}`,
  run: () => refusal(`"${words}" has no meaning here: ${reason}.`),
}));

export function isAbsent(operation: Operation): boolean {
  return absentOperations.includes(operation);
}
