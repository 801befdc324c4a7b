/**
 * Finding the command for a line, and what it is given of the line.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { ConsoleSession, ServerPort } from './operation.ts';
import { operations, runCommand } from './index.ts';

/** A configuration session that answers with what it was asked. */
function fakeSession(): ConsoleSession {
  const config = new Proxy(
    {},
    {
      get:
        (_target, verb) =>
        (...words: unknown[]) => ({ ok: true, text: JSON.stringify([verb, ...words]), saved: [] }),
    },
  );
  const access = {
    user: 'a test',
    check: () => Promise.resolve(undefined),
    roles: () => Promise.resolve([]),
    allRoles: [],
    record: () => undefined,
  };
  return { who: 'a test', config: config as ConsoleSession['config'], access };
}

const server = {} as ServerPort;

async function asked(line: string): Promise<unknown> {
  const { ok, text } = await runCommand(line, server, fakeSession());
  assert.ok(ok, text);
  return JSON.parse(text);
}

test('CC-01 CC-02 the rest of a line reaches a command as it was typed, marks and blanks included', async () => {
  assert.deepEqual(await asked('config set Domain "A b"   Gateway = "x  y"  '), ['set', 'Domain "A b"   Gateway = "x  y"']);
  assert.deepEqual(await asked('  CONFIG   Get  max_retries'), ['get', 'max_retries']);
  assert.deepEqual(await asked('config show'), ['show', '']);
});

test('the beginning of a command, or a word of one, is told what is there', async () => {
  const said = async (line: string) => (await runCommand(line, server, fakeSession())).text;
  assert.match(
    await said('config'),
    /^"config" is not a whole command: after it comes begin, begin from scratch, commit, .* \("help config" says more\)\n$/,
  );
  assert.match(await said('TLS  Show'), /after it comes cache/);
  assert.match(await said('reload'), /^"reload" is no command here: there is "config reload"/);
  assert.match(await said('xyzzy plugh'), /^"xyzzy plugh" is no command here: "help" lists them\n$/);
});

test('CC-14 CC-17 the longest command wins: begin from scratch is not begin', async () => {
  assert.deepEqual(await asked('config begin'), ['begin', false]);
  assert.deepEqual(await asked('config begin from scratch'), ['begin', true]);
});

test('CC-20 CC-21 a path may stand in quotation marks, or there is none', async () => {
  assert.deepEqual(await asked('config writeback "/tmp/a b"'), ['writeBack', '/tmp/a b']);
  assert.deepEqual(await asked('config writeback'), ['writeBack', null]);
  assert.deepEqual(await asked('write config /tmp/x'), ['dump', '/tmp/x']);
});

test('every command says its own words first in its usage, and no two have the same', () => {
  for (const operation of operations)
    assert.ok(operation.usage.replace('[:instance]', '').startsWith(operation.words.join(' ')), operation.usage);
  assert.equal(new Set(operations.map((operation) => operation.words.join(' '))).size, operations.length);
});

test('an unknown line is refused with the nearest command', async () => {
  const { ok, text } = await runCommand('config sett max_retries 1', server, fakeSession());
  assert.ok(!ok);
  assert.match(text, /is no command here/);
});
