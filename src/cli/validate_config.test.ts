/**
 * validate_config as a person runs it: words, exit status, and no stack whatever the input.
 */
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const command = join(dirname(fileURLToPath(import.meta.url)), 'validate_config.ts');
const dir = mkdtempSync(join(tmpdir(), 'validate-'));
after(() => rmSync(dir, { recursive: true }));

function file(name: string, text: string | Buffer): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function run(args: readonly string[], environment: Record<string, string> = {}) {
  const env = { PATH: process.env['PATH'] ?? '', EC_CONF_SEARCH_PATH: '/nowhere', ...environment };
  const done = spawnSync(process.execPath, ['-C', 'impetus-source', command, ...args], { encoding: 'utf8', env, cwd: dirname(command) });
  assert.doesNotMatch(done.stdout + done.stderr, /\n\s+at .*\(?(?:file:|node:)/, 'a person never sees a stack');
  return { status: done.status, out: done.stdout.replaceAll(`${dir}/`, ''), err: done.stderr };
}

const site = file(
  'site.conf',
  `Max_Outbound_Connections = 40
Relay_Hosts = ( 10.0.0.1 10.0.0.2 )
TCP_Buffer_Size = 5
Message_Expiration = 86400
Binding b { Domain d.example { Message_Expiration = 3600 } }
`,
);

test('ECC-09 a good file prints Configuration valid and ends with 0', () => {
  assert.deepEqual(run([site]), {
    status: 0,
    out: 'Configuration valid\n',
    err: `${site}:3: TCP_Buffer_Size is accepted and has no effect here\n`,
  });
});

test('ECC-09 a missing file prints No configuration found and ends with 1', () => {
  assert.deepEqual(run([join(dir, 'gone.conf')]), { status: 1, out: 'No configuration found\n', err: '' });
  assert.equal(run([]).out, 'No configuration found\n');
});

test('CFG-11 a bad file prints every problem, the line of Momentum first, and ends with 1', () => {
  const { status, out } = run([file('bad.conf', 'Max_Retrys = 1\nDomain a { Max_Retries = x }\n')]);
  assert.equal(status, 1);
  assert.equal(
    out,
    `No module provides capability 'config.Global:Max_Retrys'
bad.conf:1:1: Unknown option "Max_Retrys" in Global
    Max_Retrys = 1
    ^^^^^^^^^^
    did you mean Max_Retries?
Invalid value for option 'Max_Retries' in scope 'Domain'
bad.conf:2:26: Cannot set "Max_Retries" to "x" in Domain a: expected one of auto, none, or a number
    Domain a { Max_Retries = x }
                             ^
2 problems
`,
  );
});

test('CFG-22 the main file is found along EC_CONF_SEARCH_PATH or --search-path, and a directory stands for the file in it', () => {
  file('conf/ecelerity.conf', 'Max_Retries = 1');
  assert.equal(run([], { EC_CONF_SEARCH_PATH: join(dir, 'conf') }).status, 0);
  assert.equal(run(['--search-path', `/none:${join(dir, 'conf')}`]).status, 0);
  assert.equal(run([join(dir, 'conf')]).status, 0);
  file('node/n7/ecelerity.conf', 'Max_Retries = 1');
  assert.equal(run(['--search-path', join(dir, 'node/{NODENAME}')], { EC_NODE_NAME: 'n7' }).status, 0);
});

test('--syntax stops after the language: unknown names and missing includes are fine, a missing brace is not', () => {
  assert.equal(run(['--syntax', file('s1.conf', 'Whatever { x = 1 }\ninclude "gone"')]).status, 0);
  const bad = run(['--syntax', file('s2.conf', 'Domain a {\n')]);
  assert.equal(bad.status, 1);
  assert.match(bad.out, /^Syntax error in s2\.conf at line \d near /);
});

test('CC-06 --eval prints what is in force, --why each scope that was asked with its line', () => {
  assert.equal(run(['--eval', 'binding b domain d.example message_expiration', site]).out, 'Message_Expiration = 3600\n');
  assert.equal(run(['--eval', 'relay_hosts', site]).out, 'Relay_Hosts = (\n  10.0.0.1\n  10.0.0.2\n  )\n');
  assert.equal(
    run(['--eval', 'binding c domain d.example message_expiration', '--why', site]).out,
    `Message_Expiration = 86400
  Binding c > Domain d.example  no such scope
  Binding c                     no such scope
  Domain d.example              no such scope
  Global                        86400  site.conf:4:1  <- used
`,
  );
  assert.match(run(['--eval', 'binding b ehlo_timeout', '--why', site]).out, /built-in default +300 +<- used/);
});

test('--eval of what does not exist names the nearest, and ends with 1', () => {
  const { status, out } = run(['--eval', 'binding b mesage_expiration', site]);
  assert.equal(status, 1);
  assert.equal(out, "No module provides capability 'config.Binding:mesage_expiration'\n  did you mean Message_Expiration?\n");
  assert.match(run(['--eval', 'bindng b max_retries', site]).out, /did you mean Binding\?/);
});

test('--report lists guards first, then what works, what has no effect, what is unknown, and counts', () => {
  const { status, out } = run([
    '--report',
    file('moving.conf', 'Wrong_Thing = 1\nTCP_Buffer_Size = 5\nMax_Retries = 3\nsieve { }\nDomain a { Max_Retries = x }\n'),
  ]);
  assert.equal(status, 0);
  const order = [
    'Guards that do not work yet',
    'sieve { }  moving.conf:4:1',
    'To start without all of them: Accept_Unimplemented = ( sieve )',
    'Works',
    'Max_Retries',
    'Accepted without effect',
    'TCP_Buffer_Size',
    'Unknown',
    'Wrong_Thing',
    'Other problems (1)',
  ];
  let at = -1;
  for (const words of order) {
    const next = out.indexOf(words, at + 1);
    assert.ok(next > at, `${words} in\n${out}`);
    at = next;
  }
  assert.match(out, /1 guards not working yet, 2 work, 1 without effect, 1 unknown, 1 other problems\n$/);
});

test('A78 hostile files: loops, unterminated texts, binary junk and a FIFO-like target are answered with places, never a stack', () => {
  const loop = file('loop.conf', '\n  include "loop2.conf"\n');
  file('loop2.conf', 'include "loop.conf"');
  assert.match(run([loop]).out, /loop2\.conf:1:1: Cannot include "loop\.conf": it would include itself/);
  assert.match(run([file('open.conf', 'Max_Retries = 1\nGateway = "never closed')]).out, /open\.conf:2:11/);
  assert.equal(run([file('junk.conf', Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 131) % 256)))]).status, 1);
  assert.equal(run([file('dev.conf', 'include "/dev/zero"')]).status, 1);
  symlinkSync(join(dir, 'self'), join(dir, 'self'));
  assert.match(run([file('link.conf', `include "${join(dir, 'self')}"`)]).out, /Too many levels of symbolic links/);
  assert.match(run([join(dir, 'self')]).out, /^CFG-07961 failed to stat 'self': Too many levels/);
});

test('unknown options of the command print the usage and end with 64', () => {
  const { status, err } = run(['--nonsense']);
  assert.equal(status, 64);
  assert.match(err, /usage: validate_config/);
});
