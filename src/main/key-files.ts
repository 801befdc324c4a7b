/*
 * Private keys in files: read without waiting, and looked at before a configuration that names them is in force.
 *
 * The one rule: what a person is told names the file and what is wrong with it, and never a part of a key. Bound: KEY_BYTES_MAX.
 * Not here: for whom keys sign, how long they are kept (dkim).
 */
import { readFile } from 'node:fs';
import { systemClock } from '#base';
import { KeyCache } from '#dkim';

const KEY_BYTES_MAX = 65_536;

export function readKey(path: string, done: (error: Error | undefined, text?: string) => void): void {
  readFile(path, { encoding: 'utf8' }, (error, text) => {
    if (error !== null) done(new Error(error.code === 'ENOENT' ? 'there is no such file' : error.message));
    else if (text.length > KEY_BYTES_MAX) done(new Error('it is too large for a key'));
    else done(undefined, text);
  });
}

/** Why the file cannot sign; undefined when it can. */
export function keyProblem(path: string): Promise<string | undefined> {
  const keys = new KeyCache({ size: 1, foundSeconds: 0, missingSeconds: 0, clock: systemClock, readFile: readKey });
  return new Promise((done) => keys.get(path, (answer) => done('problem' in answer ? `Keyfile "${path}": ${answer.problem}` : undefined)));
}
