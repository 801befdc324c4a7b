/* Tests of errors.ts.
 * The one rule: a person who reads the sentence knows who was not allowed what, and what would be right.
 * Facts: LSN-02, LSN-06. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { netErrorFrom, userName } from './errors.ts';

function denied(address: string): string {
  return netErrorFrom(Object.assign(new Error('no'), { code: 'EACCES' }), address).message;
}

test('a socket that may not be opened: the user is named, and the folder of the socket or the right to low ports (LSN-06)', () => {
  assert.equal(
    denied('/run/impetus/2025'),
    `Cannot listen on "/run/impetus/2025": the operating system does not allow it (EACCES: user ${userName()} may not make a socket in the folder /run/impetus)`,
  );
  assert.match(
    denied('0.0.0.0:25'),
    new RegExp(`user ${userName()} has no right to ports below 1024: start as root, with User in Security`),
  );
  assert.match(denied('[::1]:2525'), /does not allow it \(EACCES\)$/);
});
