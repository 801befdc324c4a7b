/**
 * eccfg against real repositories in a folder: bootstrap, commit, status, diff, log, pull with and without conflicts, revert, delete, clone, overlay, put.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { command, startServer, type Ran } from '../kit/server.ts';

interface Place {
  readonly dir: string;
  write(copy: string, file: string, text: string): void;
  read(copy: string, file: string): string;
  /** eccfg on one working copy. */
  eccfg(copy: string, ...words: string[]): Promise<Ran>;
  /** The same, when it must succeed; gives what it said. */
  done(copy: string, ...words: string[]): Promise<string>;
}

function place(t: TestContext): Place {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'eccfg-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const eccfg = (copy: string, ...words: string[]) =>
    command('eccfg', [...words.slice(0, 1), '--wc', join(dir, copy), '-u', 'mary', ...words.slice(1)], { cwd: '/' });
  return {
    dir,
    write(copy, file, text) {
      mkdirSync(dirname(join(dir, copy, file)), { recursive: true });
      writeFileSync(join(dir, copy, file), text);
    },
    read: (copy, file) => readFileSync(join(dir, copy, file), 'utf8'),
    eccfg,
    async done(copy, ...words) {
      const { code, out, err } = await eccfg(copy, ...words);
      assert.equal(code, 0, `eccfg ${words.join(' ')}: ${err}`);
      return out;
    },
  };
}

const main = 'default/ecelerity.conf';

/** Two working copies, "a" and "b", of one repository whose revision 1 has a main file with some lines. */
async function twoCopies(t: TestContext): Promise<Place> {
  const at = place(t);
  at.write('a', main, '# first\nMax_Retries = 3\n\n\n\nMessage_Expiration = 3600\n');
  assert.equal(await at.done('a', 'bootstrap', '--singlenode', '--rep', join(at.dir, 'repo')), 'Committed revision 1.\nOK\n');
  assert.equal(await at.done('b', 'bootstrap', '--singlenode', '--repository', join(at.dir, 'repo')), 'Checked out revision 1.\nOK\n');
  assert.equal(at.read('b', main), at.read('a', main));
  return at;
}

test('ECC-02 ECC-03 ECC-04 bootstrap takes an existing folder in, checks it out elsewhere, and is done once only', async (t) => {
  const at = await twoCopies(t);
  const again = await at.eccfg('a', 'bootstrap', '--singlenode', '--repository', join(at.dir, 'repo'));
  assert.equal(again.code, 1);
  assert.match(again.err, /is a working copy already; bootstrap is done once/);
  at.write('c', main, 'Max_Retries = 5\n');
  const both = await at.eccfg('c', 'bootstrap', '--singlenode', '--repository', join(at.dir, 'repo'));
  assert.match(both.err, /holds files and .*repo has revisions/);
  assert.deepEqual(readdirSync(join(at.dir, 'c')), ['default'], 'nothing is left behind');
  assert.match((await at.eccfg('c', 'status')).err, /is no working copy: "eccfg bootstrap --singlenode" makes one/);
});

test('ECC-04 commit says what it sends, asks for flags about unknown and vanished files, and has nothing to commit afterwards', async (t) => {
  const at = await twoCopies(t);
  assert.equal(await at.done('a', 'commit', '-m', 'nothing'), 'Nothing to commit\n');
  at.write('a', main, '# first\nMax_Retries = 4\n\n\n\nMessage_Expiration = 3600\ninclude "more.conf"\n');
  at.write('a', 'default/more.conf', 'Retry_Interval = 60\n');
  at.write('a', 'default/notes 1.txt', 'not configuration\n');
  assert.equal(await at.done('a', 'status'), `M       ${main}\n?       default/more.conf\n?       default/notes 1.txt\n`);
  assert.match(await at.done('a', 'diff'), /-Max_Retries = 3\n\+Max_Retries = 4/);
  const forgotten = await at.eccfg('a', 'commit', '-m', 'without the included file');
  assert.equal(forgotten.code, 1, 'what is committed is judged, not what lies in the folder');
  assert.match(forgotten.err, /more\.conf is left as it is \(--add-all takes it in\)/);
  assert.match(forgotten.err, /more\.conf[\s\S]*Nothing was committed: this tree would not load/);
  const out = await at.done('a', 'commit', '--add-all', '--mess=retries, and more');
  assert.equal(
    out,
    `Sending        ${main}\nAdding         default/more.conf\nAdding         default/notes 1.txt\nTransmitting file data.\nCommitted revision 2.\n`,
  );
  rmSync(join(at.dir, 'a/default/notes 1.txt'));
  assert.equal(await at.done('a', 'status'), '!       default/notes 1.txt\n');
  assert.equal(await at.done('a', 'commit', '-m', 'x'), 'Nothing to commit\n', 'a vanished file stays in the repository unless asked');
  assert.match(
    await at.done('a', 'commit', '--delete-all', '-m', 'away with it'),
    /Deleting {7}default\/notes 1\.txt[\s\S]*Committed revision 3\./,
  );
  assert.match(
    await at.done('a', 'log'),
    /^r3 \| mary \| [\d:T+Z-]+\n {2}away with it\nr2 \| mary[^\n]*\n {2}retries, and more\nr1 \| mary/,
  );
  assert.match(await at.done('a', 'diff', '--rev', '1:2', main), /\+include "more\.conf"/);
});

test('ECC-04 ECC-09 a tree that would not load is refused; --force commits it and says so in the log', async (t) => {
  const at = await twoCopies(t);
  at.write('a', main, 'Max_Retires = 4\n');
  const refused = await at.eccfg('a', 'commit', '-m', 'typo');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /ecelerity\.conf:1:1: [\s\S]*Max_Retries[\s\S]*Nothing was committed/);
  assert.match(await at.done('a', 'status'), /^M/, 'the change is still here');
  assert.match(await at.done('a', 'commit', '--force', '-m', 'I know'), /Committed revision 2\./);
  assert.match(await at.done('a', 'log', '-l', '1'), /I know\n[\s\S]*Forced: 1 problem;/);
  const pulled = await at.eccfg('b', 'pull', '--no-reload');
  assert.equal(pulled.code, 1);
  assert.match(pulled.err, /Nothing was pulled: what came of it would not load/);
  assert.match(at.read('b', main), /Max_Retries = 3/);
  assert.deepEqual(readdirSync(at.dir).sort(), ['a', 'b', 'repo'], 'no half-made folder stays');
});

test('ECC-04 pull carries local changes over, keeps modes, and refuses to commit what is out of date', async (t) => {
  const at = await twoCopies(t);
  at.write('a', main, '# first\nMax_Retries = 4\n\n\n\nMessage_Expiration = 3600\n');
  await at.done('a', 'commit', '-m', 'a');
  chmodSync(join(at.dir, 'b', main), 0o600);
  at.write('b', main, '# first\nMax_Retries = 3\n\n\n\nMessage_Expiration = 7200\n');
  at.write('b', 'default/unknown.conf', '# mine\n');
  const stale = await at.eccfg('b', 'commit', '-m', 'b');
  assert.match(stale.err, /The repository is at revision 2, this working copy at 1: "eccfg pull" first/);
  const folder = statSync(join(at.dir, 'b')).ino;
  assert.equal(await at.done('b', 'pull', '--no-reload'), 'OK\nRevision 2.\n');
  assert.notEqual(statSync(join(at.dir, 'b')).ino, folder, 'a fresh checkout took the place of the old one');
  assert.equal(at.read('b', main), '# first\nMax_Retries = 4\n\n\n\nMessage_Expiration = 7200\n');
  assert.equal(statSync(join(at.dir, 'b', main)).mode & 0o777, 0o600);
  assert.equal(await at.done('b', 'status'), `M       ${main}\n?       default/unknown.conf\n`);
  assert.match(await at.done('b', 'commit', '-m', 'b'), /Committed revision 3\./);
  assert.equal(await at.done('b', 'pull', '--no-reload'), 'At revision 3 already.\n');
});

test('ECC-04 pull refuses overlapping changes unless told whose win: --mine, --theirs, or --manual with resolve', async (t) => {
  const at = await twoCopies(t);
  at.write('a', main, 'Max_Retries = 10\n');
  await at.done('a', 'commit', '-m', 'a');
  const mine = 'Max_Retries = 20\n';
  at.write('b', main, mine);
  const refused = await at.eccfg('b', 'pull', '--no-reload');
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /Changed here and in the repository: default\/ecelerity\.conf\nNothing was pulled\. --mine .* --theirs .* --manual/,
  );
  assert.equal(at.read('b', main), mine);
  assert.match((await at.eccfg('b', 'pull', '--mine', '--theirs')).err, /say one of/);

  assert.match((await at.eccfg('b', 'pul')).err, /there is no command "pul"/);
  const manual = await at.eccfg('b', 'pull', '-man', '--no-reload');
  assert.equal(manual.code, 1);
  assert.match(manual.out, /^C {7}default\/ecelerity\.conf\nRevision 2, with conflicts/);
  assert.match((await at.eccfg('b', 'commit', '-m', 'x')).err, /Conflicts stand in default\/ecelerity\.conf/);
  assert.match((await at.eccfg('b', 'resolve', main)).err, /ecelerity\.conf:1 still has the marks of a conflict/);
  at.write('b', main, 'Max_Retries = 15\n');
  assert.equal(await at.done('b', 'resolve', main), `Resolved ${main}\n`);
  assert.match(await at.done('b', 'commit', '-m', 'agreed'), /Committed revision 3\./);

  for (const preference of ['--mine', '--theirs']) {
    at.write('a', main, `Max_Retries = 30 # a ${preference}\n`);
    await at.done('a', 'pull', '--theirs', '--no-reload');
    at.write('a', main, `Max_Retries = 30 # a ${preference}\n`);
    await at.done('a', 'commit', '-m', 'a');
    at.write('b', main, 'Max_Retries = 40 # b\n');
    await at.done('b', 'pull', preference, '--no-reload');
    assert.equal(at.read('b', main), preference === '--mine' ? 'Max_Retries = 40 # b\n' : 'Max_Retries = 30 # a --theirs\n');
  }
});

test('ECC-04 delete needs a commit, revert brings everything back, and files outside the working copy are refused', async (t) => {
  const at = await twoCopies(t);
  at.write('a', 'node1/extra.conf', 'Retry_Interval = 60\n');
  await at.done('a', 'commit', '-add', '-m', 'a node');
  assert.equal(await at.done('a', 'delete', 'node1'), 'D       node1/extra.conf\n');
  assert.equal(existsSync(join(at.dir, 'a/node1')), false);
  assert.equal(await at.done('a', 'revert', 'node1/extra.conf'), 'Reverted node1/extra.conf\n');
  assert.equal(at.read('a', 'node1/extra.conf'), 'Retry_Interval = 60\n');
  await at.done('a', 'delete', 'node1/extra.conf');
  assert.match(await at.done('a', 'commit', '-m', 'gone'), /Deleting {7}node1\/extra\.conf/);
  assert.match((await at.eccfg('a', 'revert', '/etc/passwd')).err, /\/etc\/passwd is not in the working copy/);
  assert.match((await at.eccfg('a', 'revert', '../b/default/ecelerity.conf')).err, /is not in the working copy/);
  assert.match((await at.eccfg('a', 'subcluster', 'clusters')).err, /subclusters come with clusters/);
});

test('ECC-04 clone replaces a folder in the repository, overlay keeps what only the destination has, put sends one file if it differs', async (t) => {
  const at = await twoCopies(t);
  at.write('a', 'node1/ecelerity.conf', 'Max_Retries = 1\n');
  at.write('a', 'node2/ecelerity.conf', 'Max_Retries = 2\n');
  at.write('a', 'node2/own.conf', '# own\n');
  await at.done('a', 'commit', '--add-all', '-m', 'nodes');
  assert.equal(await at.done('a', 'overlay', 'node1', 'node2'), 'Committed revision 3.\n');
  assert.equal(at.read('a', 'node2/ecelerity.conf'), 'Max_Retries = 2\n', 'files on this machine stay until the next pull');
  await at.done('a', 'pull', '--no-reload');
  assert.deepEqual([at.read('a', 'node2/ecelerity.conf'), at.read('a', 'node2/own.conf')], ['Max_Retries = 1\n', '# own\n']);
  assert.equal(await at.done('a', 'clone', 'node1', 'node2'), 'Committed revision 4.\n');
  assert.equal(await at.done('a', 'clone', 'node1', 'node2'), 'Nothing to commit\n');
  await at.done('a', 'pull', '--no-reload');
  assert.deepEqual(readdirSync(join(at.dir, 'a/node2')), ['ecelerity.conf']);
  at.write('.', 'one.conf', 'Max_Retries = 9\n');
  assert.equal(await at.done('a', 'put', join(at.dir, 'one.conf'), 'node2/ecelerity.conf'), 'Committed revision 5.\n');
  assert.equal(await at.done('a', 'put', join(at.dir, 'one.conf'), 'node2/ecelerity.conf'), 'Nothing to commit\n');
  assert.match((await at.eccfg('a', 'put', join(at.dir, 'one.conf'), '../x')).err, /is no place in the repository/);
  assert.match((await at.eccfg('a', 'clone', 'node1', 'node1/x')).err, /lie in each other/);
  assert.match((await at.eccfg('a', 'clone', 'nowhere', 'node2')).err, /no folder "nowhere"/);
});

test('ECC-04 of two who commit at once one is told to pull, and no revision is lost', async (t) => {
  const at = await twoCopies(t);
  at.write('a', 'default/a.conf', '# a\n');
  at.write('b', 'default/b.conf', '# b\n');
  const both = await Promise.all(['a', 'b'].map((copy) => at.eccfg(copy, 'commit', '--add-all', '-m', copy)));
  assert.deepEqual(both.map(({ code }) => code).sort(), [0, 1]);
  const late = both[0]?.code === 0 ? 'b' : 'a';
  assert.match(both.find(({ code }) => code === 1)?.err ?? '', /"eccfg pull"/);
  await at.done(late, 'pull', '--no-reload');
  assert.match(await at.done(late, 'commit', '--add-all', '-m', late), /Committed revision 3\./);
});

test('ECC-04 CFG-48 a pull ends in config reload; what writeback saved is a local change until it is committed; put running keeps what is in force', async (t) => {
  const server = await startServer(t, { conf: 'Max_Retries = 3\nESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }\n', files: {} });
  const repository = server.path('repo');
  const wc = server.path('conf');
  const eccfg = (copy: string, verb: string, ...words: string[]) => command('eccfg', [verb, '--wc', copy, ...words], { cwd: '/' });
  const endpoint = server.path('control');
  mkdirSync(wc);
  writeFileSync(join(wc, 'ecelerity.conf'), readFileSync(server.path('ecelerity.conf')));
  const { code, err } = await eccfg(wc, 'bootstrap', '--singlenode', '--repository', repository);
  assert.equal(code, 0, err);
  assert.equal((await command('ec_console', [endpoint, 'config', 'reload', join(wc, 'ecelerity.conf')])).code, 0);
  const other = server.path('other');
  assert.equal((await eccfg(other, 'bootstrap', '--singlenode', '--repository', repository)).code, 0);
  writeFileSync(
    join(other, 'ecelerity.conf'),
    readFileSync(join(other, 'ecelerity.conf'), 'utf8').replace('Max_Retries = 3', 'Max_Retries = 7'),
  );
  assert.equal((await eccfg(other, 'commit', '-m', 'seven')).code, 0);
  assert.equal((await command('ec_console', [endpoint, 'config', 'set', 'max_retries', '5'])).code, 0);
  const pulled = await eccfg(wc, 'pull', '--console', endpoint);
  assert.equal(pulled.code, 0, pulled.err);
  const value = async () => (await command('ec_console', [endpoint, 'config', 'get', 'max_retries'])).out;
  assert.match(pulled.out, /OK\nRevision 2\.\n/);
  assert.match(await value(), /3/, 'the reload read the main file again: what was set at the console is gone');
  assert.equal((await command('ec_console', [endpoint, 'config', 'reload', join(wc, 'ecelerity.conf')])).code, 0);
  assert.match(await value(), /7/);
  assert.equal((await command('ec_console', [endpoint, 'config', 'set', 'max_retries', '8'])).code, 0);
  assert.equal((await command('ec_console', [endpoint, 'config', 'writeback'])).code, 0);
  assert.equal((await eccfg(wc, 'status')).out, 'M       ecelerity.conf\n');
  assert.match((await eccfg(wc, 'commit', '-m', 'eight')).out, /Committed revision 3\./);
  assert.match((await eccfg(wc, 'put', 'running', '--console', endpoint)).out, /Committed revision 4\./);
  assert.equal((await eccfg(wc, 'put', 'running', '--console', endpoint)).out, 'Nothing to commit\n');
});

test('ECC-04 CFG-48 with Commit_Writeback what writeback saves is a revision in the name of its user; what cannot be committed stays saved', async (t) => {
  const server = await startServer(t, { conf: 'ESMTP_Listener { Listen "127.0.0.1:{port:smtp}" {} }\n' });
  const endpoint = server.path('control');
  const says = async (...words: string[]) => command('ec_console', [endpoint, ...words]);
  const eccfg = (copy: string, verb: string, ...words: string[]) => command('eccfg', [verb, '--wc', copy, ...words], { cwd: '/' });
  const [wc, other, repository] = [server.path('conf'), server.path('other'), server.path('repo')];
  mkdirSync(wc);
  const first = `${server.read('ecelerity.conf')}Commit_Writeback = true # ours\nMax_Retries = 3\ninclude "more.conf"\n`;
  writeFileSync(join(wc, 'ecelerity.conf'), first);
  writeFileSync(join(wc, 'more.conf'), 'Domain a.test {\n}\n');
  assert.equal((await eccfg(wc, 'bootstrap', '--singlenode', '--repository', repository)).code, 0);
  writeFileSync(join(wc, 'notes.txt'), 'somebody is at work here\n');
  assert.equal((await says('config', 'reload', join(wc, 'ecelerity.conf'))).code, 0);
  await says('config', 'set', 'max_retries', '4');
  await says('config', 'set', 'domain', 'a.test', 'max_retries', '9');
  const saved = await says('config', 'writeback');
  assert.equal(saved.code, 0, saved.err);
  assert.match(saved.out, /^Saved .*\nSaved .*\nCommitted revision 2 of .*\/conf\.\n$/);
  const me = (await command('/usr/bin/id', ['-un'], {}).catch(() => ({ out: 'root' }))).out.trim() || 'root';
  assert.match((await eccfg(wc, 'log', '--limit', '1')).out, new RegExp(`^r2 \\| ${me} \\| .*\\n {2}config writeback by ${me}`));
  assert.equal((await eccfg(wc, 'status')).out, '?       notes.txt\n', 'only what was saved is committed');
  assert.equal((await eccfg(other, 'bootstrap', '--singlenode', '--repository', repository)).code, 0);
  assert.match(readFileSync(join(other, 'ecelerity.conf'), 'utf8'), /^Commit_Writeback = true # ours\nMax_Retries = 4$/m);
  writeFileSync(join(other, 'more.conf'), '# by another node\n');
  assert.equal((await eccfg(other, 'commit')).code, 0);
  await says('config', 'set', 'max_retries', '5');
  const behind = await says('config', 'writeback');
  assert.equal(behind.code, 1);
  assert.match(
    behind.err,
    /^Saved .*\nNot committed, though saved: The repository is at revision 3, this working copy at 2: "eccfg pull" first\n$/,
  );
  assert.match(readFileSync(join(wc, 'ecelerity.conf'), 'utf8'), /^Max_Retries = 5$/m);
  await says('config', 'set', 'commit_writeback', 'false');
  assert.match((await says('config', 'writeback')).out, /^Saved [^\n]*\n$/);
  await says('config', 'set', 'commit_writeback', 'true');
  const outside = await says('config', 'writeback', server.path('elsewhere.conf'));
  assert.match(outside.err, /Not committed: .*elsewhere\.conf is in no working copy/);
  assert.ok(existsSync(server.path('elsewhere.conf')));
});
