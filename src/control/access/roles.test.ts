/*
 * Which command a role allows, and that no pattern of a role opens or hangs anything.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { memoryFiles, readConfiguration } from '#config';
import { compileLinear, compileRegex } from '#system';
import { RoleBook } from './roles.ts';

function read(roles: string) {
  const files = memoryFiles({ '/etc/e.conf': `Authorization {\n${roles}\n}` });
  return readConfiguration({ main: '/etc/e.conf', files, searchPath: [], compileRegex });
}

function book(roles: string): RoleBook {
  const { snapshot, problems } = read(roles);
  assert.ok(snapshot !== undefined, problems.map(({ message }) => message).join('\n'));
  return new RoleBook(snapshot, compileLinear);
}

test('AUTH-41 AUTH-42 the first role of the user with a pattern that matches allows the command; nothing else does', () => {
  const roles = book('Role "a" { allow = ( "^pid$" ) } Role "b" { allow = ( "^config (get|show)" "^pid$" ) } Role "none" { }');
  assert.deepEqual(roles.names, ['a', 'b', 'none']);
  assert.equal(roles.allowing(new Set(['b', 'a']), 'pid'), 'a');
  assert.equal(roles.allowing(new Set(['b']), 'config show domain'), 'b');
  assert.equal(roles.allowing(new Set(['b']), 'config set max_retries 1'), undefined);
  assert.equal(roles.allowing(new Set(['none', 'nobody']), 'pid'), undefined);
});

test('AUTH-41 A49 a role of explosive patterns answers about the longest command, and allows nothing', () => {
  const roles = book('Role "slow" { allow = ( "^config get (a+)+$" "^config get (a|aa)+$" "(.*)*(.*)*[^!]$" ) }');
  assert.equal(roles.allowing(new Set(['slow']), `config get ${'a'.repeat(1_000_000)}!`), undefined);
  assert.equal(roles.allowing(new Set(['slow']), `config get ${'a'.repeat(1_000)}!`), undefined);
  assert.equal(roles.allowing(new Set(['slow']), `config get ${'a'.repeat(1_000)}`), 'slow');
});

test('AUTH-41 a pattern that cannot be matched in linear time refuses the configuration with file, line, pattern and what would be right', () => {
  const { snapshot, problems } = read('Role "x" {\n  allow = ( "^pid$" "^config (get|set) \\\\1" )\n}');
  assert.equal(snapshot, undefined);
  assert.deepEqual(
    problems.map(({ message, at }) => `${at?.file}:${at?.line}: ${message}`),
    [
      '/etc/e.conf:3: Cannot compile the pattern "^config (get|set) \\1" of Allow: back-references cannot be matched in linear time; expected RE2\'s syntax, which is matched in linear time (at character 19)',
    ],
  );
});
