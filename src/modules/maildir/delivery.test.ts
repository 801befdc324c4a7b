/**
 * Messages into mailboxes, on a real disk and on one that fails.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BodySink, Verdict } from '#hooks';
import type { Envelope } from '#mail';
import { WAITING_BYTES_MAX } from './delivery.ts';
import { realDisk, type MaildirDisk } from './disk.ts';
import { MaildirStore, maildirSettings } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'maildir-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
let made = 0;

function store(o: { disk?: MaildirDisk; options?: Record<string, unknown> } = {}): { base: string; store: MaildirStore } {
  const base = join(root, String(made++));
  mkdirSync(base);
  const settings = maildirSettings({ basedir: base, domains: ['here.test'], createusers: true, ...o.options });
  const ports = { settings, host: 'mx:1/2', now: () => 1_700_000_000_000 };
  return { base, store: new MaildirStore(o.disk === undefined ? ports : { ...ports, disk: o.disk }) };
}

const to = (...locals: readonly string[]): { id: string; local: string; domain: string }[] =>
  locals.map((local, i) => ({ id: `0${i}/00-00007-A1B2C3D4`, local, domain: 'here.test' }));
const commit = (sink: BodySink): Promise<Error | undefined> => new Promise((resolve) => sink.commit({} as Envelope, resolve));
const check = (s: MaildirStore, local: string): Promise<Verdict> => new Promise((resolve) => s.check(local, 'here.test', resolve));
/** Waits for the disk's threads: as many turns as they need, and a failure of the test's assertion when it is never true. */
const until = async (isTrue: () => boolean): Promise<void> => {
  for (let i = 0; i < 100_000 && !isTrue(); i++) await new Promise((resolve) => setImmediate(resolve));
};
const files = (base: string, mailbox: string, part: string): string[] => readdirSync(join(base, mailbox, part));

test('A message is written in tmp and appears in new of each mailbox, with the modes asked for (OUT-48)', async () => {
  const { base, store: s } = store({ options: { dirmode: 0o775, filemode: 0o664 } });
  const sink = s.open(to('alice', 'bob', 'alice'));
  sink.append(Buffer.from('one '));
  sink.append(Buffer.from('two'));
  assert.equal(await commit(sink), undefined);
  assert.equal(files(base, 'alice', 'new').length, 2, 'two recipients, two messages, two names');
  const [name] = files(base, 'bob', 'new');
  assert.equal(name, String.raw`1700000000.01_00_00007_A1B2C3D4.mx\0721\0572`);
  assert.equal(readFileSync(join(base, 'bob', 'new', name ?? ''), 'utf8'), 'one two');
  assert.deepEqual([files(base, 'alice', 'tmp'), files(base, 'bob', 'tmp'), files(base, 'bob', 'cur')], [[], [], []]);
  assert.equal(statSync(join(base, 'bob', 'new')).mode & 0o777, 0o775);
  assert.equal(statSync(join(base, 'bob', 'new', name ?? '')).mode & 0o777, 0o664);
});

test('An unknown mailbox is refused unless createusers makes it; names that are no mailbox always are (OUT-48, A32)', async () => {
  const open = store();
  const closed = store({ options: { createusers: false } });
  mkdirSync(join(closed.base, 'alice'));
  const kinds = async (s: MaildirStore, ...locals: readonly string[]): Promise<string[]> => {
    const verdicts = await Promise.all(locals.map((local) => check(s, local)));
    return verdicts.map((verdict) => (verdict.kind === 'reject' ? String(verdict.reply.code) : verdict.kind));
  };
  assert.deepEqual(await kinds(open.store, 'anyone', '../x', '.'), ['continue', '550', '550']);
  assert.deepEqual(await kinds(closed.store, 'alice', 'ALICE', 'bob', '..'), ['continue', 'continue', '550', '550']);
  const broken = store({ options: { createusers: false }, disk: { ...realDisk, stat: () => Promise.reject(new Error('EIO')) } });
  assert.deepEqual(await kinds(broken.store, 'alice'), ['451']);
});

test('Its domains are claimed, or all of them (OUT-48)', () => {
  assert.deepEqual([store().store.claims('here.test'), store().store.claims('far.test')], [true, false]);
  assert.equal(store({ options: { allDomains: true } }).store.claims('far.test'), true);
});

test('A large message goes to the disk while it comes, and asks to wait when the disk is slower (OUT-48)', async () => {
  const { base, store: s } = store();
  const sink = s.open(to('alice'));
  let drains = 0;
  sink.onDrain = () => void drains++;
  const chunk = Buffer.alloc(65_536, 'z');
  let rooms = 0;
  for (let i = 0; i < 8; i++) if (sink.append(chunk)) rooms++;
  assert.equal(rooms, WAITING_BYTES_MAX / chunk.length);
  assert.equal(await commit(sink), undefined);
  assert.equal(drains, 1);
  const [name] = files(base, 'alice', 'new');
  assert.equal(statSync(join(base, 'alice', 'new', name ?? '')).size, 8 * chunk.length);
});

test('What was aborted leaves nothing, before or after its first bytes reached the disk (A68)', async () => {
  const { base, store: s } = store();
  const small = s.open(to('alice'));
  small.append(Buffer.from('x'));
  small.abort();
  const large = s.open(to('bob'));
  large.append(Buffer.alloc(100_000));
  await until(() => existsSync(join(base, 'bob', 'tmp')) && files(base, 'bob', 'tmp').length === 1);
  large.abort();
  large.abort();
  await until(() => files(base, 'bob', 'tmp').length === 0);
  assert.deepEqual(readdirSync(base), ['bob']);
  assert.deepEqual([files(base, 'bob', 'tmp'), files(base, 'bob', 'new')], [[], []]);
});

test('Whichever operation of the disk fails, commit says so and nothing is visible; the next message is kept (A62, OUT-48)', async () => {
  const operations = ['open', 'rename', 'copyFile', 'mkdir', 'chmod', 'sync', 'writev', 'close'] as const;
  for (const operation of operations) {
    for (let nth = 1; nth <= 3; nth++) {
      const faulty = failing(operation, nth);
      const { base, store: s } = store({ disk: faulty.disk });
      const sink = s.open(to('alice', 'bob'));
      sink.append(Buffer.from('text'));
      const error = await commit(sink);
      if (!faulty.hasFailed()) continue;
      assert.match(error?.message ?? 'no error', /ENOSPC/, `${operation} ${nth}`);
      for (const mailbox of readdirSync(base)) {
        const parts = readdirSync(join(base, mailbox));
        if (parts.includes('new')) assert.deepEqual(files(base, mailbox, 'new'), [], `${operation} ${nth}`);
        if (parts.includes('tmp')) assert.deepEqual(files(base, mailbox, 'tmp'), [], `${operation} ${nth}`);
      }
      const again = s.open(to('alice', 'bob'));
      again.append(Buffer.from('text'));
      assert.equal(await commit(again), undefined, `${operation} ${nth} once only`);
    }
  }
});

/** A disk whose nth call of one operation fails. */
function failing(operation: string, nth: number): { disk: MaildirDisk; hasFailed: () => boolean } {
  let calls = 0;
  const pass = (name: string): void => {
    if (name === operation && ++calls === nth) throw new Error(`ENOSPC at ${name}`);
  };
  const guarded = <A extends unknown[], R>(name: string, real: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) => {
    return async (...args) => {
      pass(name);
      return real(...args);
    };
  };
  const disk: MaildirDisk = {
    open: async (path, flags, mode) => {
      pass('open');
      const file = await realDisk.open(path, flags, mode);
      return {
        writev: guarded('writev', (buffers: Buffer[]) => file.writev(buffers)),
        sync: guarded('sync', () => file.sync()),
        chmod: guarded('chmod', (bits: number) => file.chmod(bits)),
        close: async () => {
          await file.close();
          pass('close');
        },
      };
    },
    rename: guarded('rename', realDisk.rename),
    unlink: realDisk.unlink,
    copyFile: guarded('copyFile', realDisk.copyFile),
    mkdir: guarded('mkdir', realDisk.mkdir),
    chmod: guarded('chmod', realDisk.chmod),
    stat: realDisk.stat,
  };
  return { disk, hasFailed: () => calls >= nth };
}
