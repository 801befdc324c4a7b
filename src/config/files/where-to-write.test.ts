/**
 * Where online changes are saved, and the Local_Changes_File.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readConfiguration } from '../read-configuration.ts';
import type { ScopePath } from '../scopes/scope-path.ts';
import { memoryFiles, type MemoryFile } from './memory-files.ts';
import { whereToWrite } from './where-to-write.ts';

const yahoo: ScopePath = [{ scope: 'Domain', instance: 'yahoo.com' }];

function read(files: Record<string, MemoryFile>) {
  return readConfiguration({ main: '/etc/ecelerity.conf', files: memoryFiles(files), searchPath: [] });
}

function target(files: Record<string, MemoryFile>, path: ScopePath, option: string): string {
  const { targets, problems } = read(files);
  assert.deepEqual(problems, []);
  assert.ok(targets);
  const found = whereToWrite(targets, { path, option });
  if (found.kind === 'virtual') return 'virtual';
  return `${found.kind} ${found.kind === 'local-changes' ? found.path : found.file.path}`;
}

const seed = {
  '/etc/ecelerity.conf': 'readonly_include "foo.conf"\ninclude "baz.conf"\n',
  '/etc/foo.conf': 'Domain yahoo.com {\n  Gateway = "server.yahoo.com"\n  include "bar.conf"\n}\n',
  '/etc/bar.conf': '',
  '/etc/baz.conf': 'Domain yahoo.com { }',
};

test('CFG-44 CFG-45 the example of the page: a new option and a replaced Gateway of yahoo.com both land in bar.conf', () => {
  assert.equal(target(seed, yahoo, 'Max_Retries'), 'scope /etc/bar.conf');
  assert.equal(target(seed, yahoo, 'Gateway'), 'scope /etc/bar.conf');
});

test('CFG-44 a value last set in a writable file is replaced in place', () => {
  const files = { ...seed, '/etc/baz.conf': 'Domain YAHOO.com { gateway = "other" }' };
  assert.equal(target(files, yahoo, 'GATEWAY'), 'in-place /etc/baz.conf');
});

test('CFG-44 with the value last set read-only, the first writable file with the same scope instance takes it', () => {
  const files = {
    '/etc/ecelerity.conf': 'include "b.conf" include "c.conf" readonly_include "last.conf"',
    '/etc/b.conf': 'Domain yahoo.com { }',
    '/etc/c.conf': 'Domain yahoo.com { }',
    '/etc/last.conf': 'Domain yahoo.com { Max_Retries = 3 }',
  };
  assert.equal(target(files, yahoo, 'Max_Retries'), 'scope /etc/b.conf');
});

test('CFG-44 a scope that only read-only files hold, or none, goes to the Local_Changes_File', () => {
  const files = {
    '/etc/ecelerity.conf': 'Local_Changes_File = "/etc/local.conf" readonly_include "ro.conf"',
    '/etc/ro.conf': 'Domain yahoo.com { Max_Retries = 1 }',
    '/etc/local.conf': '',
  };
  assert.equal(target(files, yahoo, 'Max_Retries'), 'local-changes /etc/local.conf');
  assert.equal(target(files, [{ scope: 'Domain', instance: 'new.test' }], 'Max_Retries'), 'local-changes /etc/local.conf');
});

test('CFG-44 a file that is included twice is read-only, and the next rule applies', () => {
  const files = {
    '/etc/ecelerity.conf': 'include "b.conf" include "b.conf" include "c.conf"',
    '/etc/b.conf': 'Domain yahoo.com { Max_Retries = 1 }',
    '/etc/c.conf': 'Domain yahoo.com { }',
  };
  assert.equal(target(files, yahoo, 'Max_Retries'), 'scope /etc/c.conf');
});

test('CFG-41 without Local_Changes_File changes go to the writable main file', () => {
  assert.equal(target({ '/etc/ecelerity.conf': '' }, yahoo, 'Max_Retries'), 'main /etc/ecelerity.conf');
  assert.equal(target({ '/etc/ecelerity.conf': 'Max_Retries = 1' }, [], 'Max_Retries'), 'in-place /etc/ecelerity.conf');
  assert.equal(target({ '/etc/ecelerity.conf': '' }, [], 'Max_Retries'), 'scope /etc/ecelerity.conf');
});

test('CFG-42 with a read-only main file a virtual file takes them, until Local_Changes_File is set', () => {
  const main = { text: 'Max_Retries = 1', isReadOnly: true };
  assert.equal(target({ '/etc/ecelerity.conf': main }, [], 'Max_Retries'), 'virtual');
  const later = { text: 'Max_Retries = 1 Local_Changes_File = "/etc/local.conf"', isReadOnly: true };
  assert.equal(target({ '/etc/ecelerity.conf': later }, [], 'Max_Retries'), 'local-changes /etc/local.conf');
});

test('CFG-40 the Local_Changes_File is read last wherever the option stands, and its values override all', () => {
  const files = {
    '/etc/ecelerity.conf': 'Local_Changes_File = "local.conf"\nMax_Retries = 1\nDomain a.test { Max_Retries = 2 }',
    '/etc/local.conf': 'Max_Retries = 9 Domain a.test { Retry_Interval = 7 }',
  };
  const root = read(files).snapshot?.root;
  assert.equal(root?.options.get('max_retries')?.value, 9);
  assert.equal(root?.options.get('max_retries')?.at.file, '/etc/local.conf');
  const domain = root?.children.get('domain\0a.test');
  assert.deepEqual(
    [...(domain?.options.values() ?? [])].map((option) => option.value),
    [2, 7],
  );
});

test('CFG-40 it may not be the main file, nor included, nor unwritable, nor in a directory that is not there', () => {
  const problem = (files: Record<string, MemoryFile>): string => {
    const { problems, snapshot } = read(files);
    assert.equal(snapshot, undefined);
    assert.equal(problems.length, 1);
    assert.equal(problems[0]?.code, 'local-changes');
    return problems[0]?.message ?? '';
  };
  assert.match(problem({ '/etc/ecelerity.conf': 'Local_Changes_File = "ecelerity.conf"' }), /main configuration file/);
  const included = {
    '/etc/ecelerity.conf': 'Local_Changes_File = "/etc/link.conf" include "l.conf"',
    '/etc/l.conf': '',
    '/etc/link.conf': { linkTo: '/etc/l.conf' },
  };
  assert.match(problem(included), /includes it already/);
  assert.match(problem({ '/etc/ecelerity.conf': 'Local_Changes_File = "l.conf"', '/etc/l.conf': { isReadOnly: true } }), /not writable/);
  assert.match(problem({ '/etc/ecelerity.conf': 'Local_Changes_File = "/none/l.conf"' }), /No such file or directory/);
  assert.equal(
    read({ '/etc/ecelerity.conf': 'Local_Changes_File = "/etc/new.conf"' }).problems.length,
    0,
    'a file that does not exist yet is fine',
  );
});

test('CFG-43 Local_Changes_Only sends every change to the Local_Changes_File, and needs one', () => {
  const files = { '/etc/ecelerity.conf': 'Local_Changes_Only = true Local_Changes_File = "/etc/local.conf" Max_Retries = 1' };
  assert.equal(target(files, [], 'Max_Retries'), 'local-changes /etc/local.conf');
  const { problems } = read({ '/etc/ecelerity.conf': 'Local_Changes_Only = true' });
  assert.equal(problems.length, 1);
  assert.match(problems[0]?.message ?? '', /no Local_Changes_File is set/);
  assert.equal(read({ '/etc/ecelerity.conf': 'Local_Changes_Only = false' }).problems.length, 0);
});
