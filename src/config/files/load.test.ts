/**
 * Files and includes, read from memory.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { readConfiguration } from '../read-configuration.ts';
import { loadFiles, MAX_INCLUDE_DEPTH } from './load.ts';
import { memoryFiles, type MemoryFile } from './memory-files.ts';
import { DEFAULT_SEARCH_PATH, findFile, MAIN_FILE_NAME, nodeName, searchPath } from './search-path.ts';

function load(files: Record<string, MemoryFile>, path: readonly string[] = [], schemes: readonly string[] = []) {
  return loadFiles('/etc/main.conf', { files: memoryFiles(files, schemes), searchPath: path });
}

function read(files: Record<string, MemoryFile>, path: readonly string[] = []) {
  return readConfiguration({ main: '/etc/main.conf', files: memoryFiles(files), searchPath: path });
}

function globalValue(files: Record<string, MemoryFile>, option: string, path: readonly string[] = []): unknown {
  return read(files, path).snapshot?.root.options.get(option)?.value;
}

const readOnlyOf = (files: Record<string, MemoryFile>, schemes: readonly string[] = []) => {
  const { tree, problems } = load(files, [], schemes);
  assert.deepEqual(problems, []);
  return Object.fromEntries((tree?.files ?? []).map((file) => [file.path, file.readOnly]));
};

test('CFG-01 CFG-20 the main file ecelerity.conf is looked for in global, the node, default, in this order', () => {
  assert.equal(MAIN_FILE_NAME, 'ecelerity.conf');
  const path = searchPath({ nodeName: 'mail1' });
  assert.deepEqual(
    path,
    DEFAULT_SEARCH_PATH.map((directory) => directory.replace('{NODENAME}', 'mail1')),
  );
  const files = memoryFiles({ [`${path[1]}/ecelerity.conf`]: '', [`${path[2]}/ecelerity.conf`]: '' });
  assert.equal(loadFiles(MAIN_FILE_NAME, { files, searchPath: path }).tree?.main.path, '/opt/msys/ecelerity/etc/conf/mail1/ecelerity.conf');
});

test('CFG-21 CFG-22 EC_CONF_SEARCH_PATH replaces the default path, {NODENAME} is put in, etc/ is not in front unless asked for', () => {
  assert.deepEqual(searchPath({ environment: '/a:/b/{NODENAME}:', nodeName: 'n1' }), ['/a', '/b/n1']);
  assert.ok(!searchPath({ environment: '', nodeName: 'n1' }).includes('/opt/msys/ecelerity/etc'));
  assert.deepEqual(searchPath({ environment: '/opt/msys/ecelerity/etc:/x', nodeName: 'n1' }), ['/opt/msys/ecelerity/etc', '/x']);
  assert.deepEqual(
    searchPath({ environment: '/a:/b/{NODENAME}', nodeName: '../../tmp' }),
    ['/a'],
    'a name that leaves its directory is not used',
  );
});

test('CFG-23 in the foreground the current directory comes first', () => {
  assert.equal(searchPath({ nodeName: 'n', isForeground: true })[0], '.');
});

test('CFG-24 the node is named by the environment, else cluster.boot, else the short host name', () => {
  assert.equal(nodeName({ environment: 'env', bootFile: 'boot', hostName: 'mail1.example' }), 'env');
  assert.equal(nodeName({ bootFile: 'boot', hostName: 'mail1.example' }), 'boot');
  assert.equal(nodeName({ hostName: 'mail1.example' }), 'mail1');
});

test('CFG-25 an included file is looked for beside the including file first, then along the search path', () => {
  const main = 'include "sub/a.conf"';
  const beside = {
    '/etc/main.conf': main,
    '/etc/sub/a.conf': 'include "b.conf"',
    '/etc/sub/b.conf': 'Max_Retries = 1',
    '/path/b.conf': 'Max_Retries = 2',
  };
  assert.equal(globalValue(beside, 'max_retries', ['/path']), 1);
  const { '/etc/sub/b.conf': _, ...onPath } = beside;
  assert.equal(globalValue(onPath, 'max_retries', ['/path']), 2);
});

test('CFG-26 CFG-27 the first hit wins: global hides the node, the node hides default', () => {
  const path = ['/conf/global', '/conf/n1', '/conf/default'];
  const files = { '/conf/default/x.conf': '', '/conf/n1/x.conf': '', '/conf/global/x.conf': '' };
  const at = (from: Record<string, string>) => findFile('x.conf', undefined, path, memoryFiles(from));
  assert.equal(at(files).path, '/conf/global/x.conf');
  assert.equal(at({ '/conf/default/x.conf': '', '/conf/n1/x.conf': '' }).path, '/conf/n1/x.conf');
  assert.equal(at({ '/conf/default/x.conf': '' }).path, '/conf/default/x.conf');
});

test('CFG-26 a hit that may not be read is an error: the search does not fall through to another file', () => {
  const found = findFile('x.conf', undefined, ['/a', '/b'], memoryFiles({ '/a/x.conf': { isUnreadable: true }, '/b/x.conf': '' }));
  assert.ok(!found.ok);
  assert.equal(found.path, '/a/x.conf');
  assert.equal(found.fault.words, 'Permission denied');
});

test('CFG-30 both directives stand in any scope, and the text is read as if it stood there', () => {
  const files = {
    '/etc/main.conf':
      'Domain a.test { Max_Retries = 1 include "in.conf" Retry_Interval = 5 }\nBinding b { Domain d { readonly_include "deep.conf" } }',
    '/etc/in.conf': 'Max_Retries = 2 Retry_Interval = 4',
    '/etc/deep.conf': 'Max_Retries = 3',
  };
  const root = read(files).snapshot?.root;
  const domain = root?.children.get('domain\0a.test');
  assert.equal(domain?.options.get('max_retries')?.value, 2, 'later text wins over earlier');
  assert.equal(domain?.options.get('retry_interval')?.value, 5, 'text after the include wins over it');
  assert.deepEqual(domain?.options.get('max_retries')?.at, { file: '/etc/in.conf', line: 1, column: 1 });
  assert.equal(root?.children.get('binding\0b')?.children.get('domain\0d')?.options.get('max_retries')?.value, 3);
});

test('CFG-31 a directory stands for its visible files in the order of their bytes, without directories in it', () => {
  const files = {
    '/etc/main.conf': 'include "/etc/config.d"',
    '/etc/config.d/b.conf': '',
    '/etc/config.d/B.conf': '',
    '/etc/config.d/a.conf': '',
    '/etc/config.d/ä.conf': '',
    '/etc/config.d/.hidden': 'syntax error here =',
    '/etc/config.d/10': '',
    '/etc/config.d/9': '',
    '/etc/config.d/sub/never.conf': 'syntax error here =',
  };
  const { tree, problems } = load(files);
  assert.deepEqual(problems, []);
  const names = tree?.files.slice(1).map((file) => file.path.replace('/etc/config.d/', ''));
  assert.deepEqual(names, ['10', '9', 'B.conf', 'a.conf', 'b.conf', 'ä.conf']);
});

test('CFG-32 a missing or unreadable target is an error in the words of the system, with the includes that led there', () => {
  const { problems } = load({
    '/etc/main.conf': '\n include "a.conf"',
    '/etc/a.conf': 'include "/gone.conf"\ninclude "locked.conf"',
    '/etc/locked.conf': { isUnreadable: true },
  });
  assert.deepEqual(
    problems.map((problem) => problem.manual),
    ["CFG-07961 failed to stat '/gone.conf': No such file or directory", "CFG-07961 failed to stat '/etc/locked.conf': Permission denied"],
  );
  const [first] = problems;
  assert.equal(`${first?.at?.file}:${first?.at?.line}`, '/etc/a.conf:1');
  assert.deepEqual(
    first?.includedFrom?.map((place) => `${place.file}:${place.line}:${place.column}`),
    ['/etc/main.conf:2:2'],
  );
  assert.equal(read({}).snapshot, undefined);
  assert.equal(read({}).problems[0]?.manual, "CFG-07961 failed to stat '/etc/main.conf': No such file or directory");
});

test('CFG-33 file:// is a plain path; http, https and other schemes cannot be start-up configuration', () => {
  assert.equal(globalValue({ '/etc/main.conf': 'include "file:///etc/b.conf"', '/etc/b.conf': 'Max_Retries = 4' }, 'max_retries'), 4);
  for (const scheme of ['http', 'https', 'persist', 'HTTP']) {
    const { problems } = load({ '/etc/main.conf': `include "${scheme}://host/x.conf"` });
    assert.equal(problems[0]?.code, 'wrong-scheme');
    assert.match(problems[0]?.message ?? '', new RegExp(`${scheme}://`, 'i'));
  }
});

test('CFG-34 files are read-only when pulled in by readonly_include, included more than once, or read by another scheme', () => {
  const files = {
    '/etc/main.conf':
      'readonly_include "ro.conf" include "twice.conf" include "once.conf" Domain d.test { include "./twice.conf" } include "persist://x"',
    '/etc/ro.conf': '',
    '/etc/twice.conf': '',
    '/etc/once.conf': '',
    'persist://x': '',
  };
  assert.deepEqual(readOnlyOf(files, ['persist']), {
    '/etc/main.conf': undefined,
    '/etc/ro.conf': 'readonly_include',
    '/etc/twice.conf': 'included-twice',
    '/etc/once.conf': undefined,
    'persist://x': 'scheme',
  });
});

test('CFG-34 two names of one file are one file: a link to an included file makes it read-only', () => {
  const files = { '/etc/main.conf': 'include "a.conf" include "b.conf"', '/etc/a.conf': '', '/etc/b.conf': { linkTo: '/etc/a.conf' } };
  assert.deepEqual(readOnlyOf(files), { '/etc/main.conf': undefined, '/etc/a.conf': 'included-twice' });
});

test('CFG-34 what stands in the tree twice because its includer does is read-only too; permissions count', () => {
  const files = { '/etc/main.conf': 'include "a.conf" include "a.conf"', '/etc/a.conf': 'include "b.conf"', '/etc/b.conf': '' };
  assert.deepEqual(readOnlyOf(files), { '/etc/main.conf': undefined, '/etc/a.conf': 'included-twice', '/etc/b.conf': 'included-twice' });
  assert.deepEqual(readOnlyOf({ '/etc/main.conf': { text: '', isReadOnly: true } }), { '/etc/main.conf': 'permissions' });
});

test('CFG-35 a file that a read-only file includes plainly is writable', () => {
  const files = {
    '/etc/main.conf': 'readonly_include "foo.conf"',
    '/etc/foo.conf': 'Domain yahoo.com { include "bar.conf" }',
    '/etc/bar.conf': '',
  };
  assert.deepEqual(readOnlyOf(files), { '/etc/main.conf': undefined, '/etc/foo.conf': 'readonly_include', '/etc/bar.conf': undefined });
});

test('A78 a file that includes itself, over however many steps or links, is one clear error', () => {
  const circle = {
    '/etc/main.conf': 'include "a.conf"',
    '/etc/a.conf': 'include "b.conf"',
    '/etc/b.conf': 'Max_Retries = 1\ninclude "link.conf"',
    '/etc/link.conf': { linkTo: '/etc/a.conf' },
  };
  const { problems } = load(circle);
  assert.equal(problems.length, 1);
  assert.equal(problems[0]?.code, 'include-loop');
  assert.equal(problems[0]?.at?.file, '/etc/b.conf');
  assert.equal(problems[0]?.at?.line, 2);
  assert.match(problems[0]?.message ?? '', /\/etc\/a\.conf -> \/etc\/b\.conf -> \/etc\/a\.conf/);
  assert.equal(load({ '/etc/main.conf': 'include "main.conf"' }).problems[0]?.code, 'include-loop');
  const links = { '/etc/main.conf': 'include "x"', '/etc/x': { linkTo: '/etc/y' }, '/etc/y': { linkTo: '/etc/x' } };
  assert.match(load(links).problems[0]?.manual ?? '', /Too many levels of symbolic links/);
});

test('A78 a tree that doubles itself at each level is stopped by a bound with a name, and nesting has one too', () => {
  const files: Record<string, string> = { '/etc/main.conf': 'include "l0"', '/etc/l20': 'Max_Retries = 1' };
  for (let level = 0; level < 20; level++) files[`/etc/l${level}`] = `include "l${level + 1}"\n`.repeat(2);
  assert.equal(load(files).problems.at(-1)?.code, 'too-large');
  const deep: Record<string, string> = { '/etc/main.conf': 'include "d0"' };
  for (let level = 0; level <= MAX_INCLUDE_DEPTH; level++) deep[`/etc/d${level}`] = `include "d${level + 1}"`;
  assert.match(load(deep).problems[0]?.message ?? '', /more than 64 deep/);
});

test('A78 any bytes in a file give problems at places, never an exception', () => {
  const junk = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7919) % 256));
  const result = read({ '/etc/main.conf': junk });
  assert.equal(result.snapshot, undefined);
  assert.ok(result.problems.length > 0);
  assert.ok(result.problems.every((problem) => problem.at === undefined || problem.at.line >= 1));
  const syntax = read({ '/etc/main.conf': 'Max_Retries = 1\nDomain "a { }\n' }).problems[0];
  assert.match(syntax?.manual ?? '', /^Syntax error in \/etc\/main\.conf at line 2 near '/);
});
