/**
 * Whatever is set and unset on whatever tree of files: what is in force is what was asked for, and what is saved is what is in force.
 */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { ManualClock } from '#base';
import { compilePcre } from '#system';
import { memoryFiles, type MemoryFile } from '../files/memory-files.ts';
import { ConfigDesk } from './desk.ts';
import { differencesBetween } from './differences.ts';
import { ownOption, problemLines, readDraft, rootOf } from './draft.ts';
import { FileImages, frozenFiles } from './images.ts';

const main = '/etc/ecelerity.conf';
const setup = { main, searchPath: [], compileRegex: compilePcre };

function read(files: Readonly<Record<string, MemoryFile>>) {
  const frozen = frozenFiles(memoryFiles(files));
  return { frozen, draft: readDraft({ setup, previous: undefined, isFromScratch: false }, new FileImages(frozen)) };
}

/** A desk whose disk is `files`; what is saved lands there. */
function deskOn(files: Record<string, MemoryFile>): ConfigDesk | undefined {
  const { frozen, draft } = read(files);
  if (draft.read.snapshot === undefined) return undefined;
  return new ConfigDesk({
    setup,
    files: frozen,
    read: draft.read,
    disk: memoryFiles(files),
    store: {
      replace(path, bytes) {
        files[path] = Buffer.from(bytes);
        return undefined;
      },
    },
    clock: new ManualClock(),
    activate: (next) => Promise.resolve(next.snapshot === undefined ? { ok: false, lines: problemLines(next) } : { ok: true, lines: [] }),
  });
}

const text = (file: MemoryFile | undefined): string =>
  typeof file === 'string' || Buffer.isBuffer(file) ? file.toString() : (file?.text ?? '');

const option = fc.constantFrom(
  'Max_Retries = 1 # kept',
  'MAX_retries = 2',
  'Retry_Interval = "3"',
  'Gateway = "h"  # kept',
  'Relay_Hosts = ( 10.0.0.1 )',
);
const include = fc.constantFrom('include "a.conf"', 'include "b.conf"', 'readonly_include "c.conf"', 'readonly_include "a.conf"');
const inside = fc.constantFrom('Max_Retries = 4', 'gateway = "old"', 'Retry_Interval = 5');
const name = fc.constantFrom('d.test', 'D.Test', '"e.test"');
const domain = fc
  .tuple(name, fc.array(fc.oneof({ arbitrary: inside, weight: 4 }, include), { maxLength: 3 }))
  .map(([of, body]) => `Domain ${of} {\n  ${body.join('\n  ')}\n}`);
const binding = fc.array(fc.oneof(inside, domain), { maxLength: 3 }).map((body) => `Binding "b" {\n${body.join('\n')}\n}`);
const body = (withIncludes: boolean) =>
  fc
    .array(fc.oneof(option, domain, binding, ...(withIncludes ? [include] : [])), { maxLength: 5 })
    .map((lines) => (lines.length === 0 ? '' : `# top\n${lines.join('\n')}\n`));
const local = fc.constantFrom(
  '',
  'Local_Changes_File = "/etc/local.conf"\n',
  'Local_Changes_Only = true Local_Changes_File = "/etc/local.conf"\n',
);
const leaf = fc.constantFrom('', '# leaf\n', 'Max_Retries = 7\n', 'Gateway = "leaf"');
const tree = fc.record({
  main: fc.tuple(local, body(true)).map(([first, rest]) => first + rest),
  isReadOnly: fc.boolean(),
  a: leaf,
  b: leaf,
  c: leaf,
  local: fc.constantFrom(undefined, '', '# local\nMax_Retries = 8\n'),
});
const path = fc.constantFrom('', 'domain d.test ', 'domain E.TEST ', 'binding b ', 'binding b domain d.test ', 'domain new.test ');
const command = fc.oneof(
  fc.tuple(fc.constant('set'), path, fc.constantFrom('max_retries 11', 'Max_Retries = 12', 'gateway "relay.test:25"', 'retry_interval 13')),
  fc.tuple(fc.constant('unset'), path, fc.constantFrom('max_retries', 'gateway', 'retry_interval', '')),
);

test('CFG-40 to CFG-47: what was set is in force, what was refused changed nothing, what is saved reads back as what is in force', async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(tree, fc.array(command, { minLength: 1, maxLength: 6 }), async (start, commands) => {
      const files: Record<string, MemoryFile> = {
        [main]: start.isReadOnly ? { text: start.main, isReadOnly: true } : start.main,
        '/etc/a.conf': start.a,
        '/etc/b.conf': start.b,
        '/etc/c.conf': start.c,
        ...(start.local === undefined ? {} : { '/etc/local.conf': start.local }),
      };
      const desk = deskOn(files);
      if (desk === undefined) return;
      const session = desk.open('fc');
      for (const [verb, at, what] of commands) {
        const before = rootOf(desk.standing);
        const reply = await (verb === 'set' ? session.set(at + what) : session.unset(at + what));
        if (!reply.ok) {
          assert.deepEqual(differencesBetween(before, rootOf(desk.standing)), [], reply.text);
          continue;
        }
        accepted += 1;
        const touched = differencesBetween(before, rootOf(desk.standing)).filter((one) => one.kind === 'option');
        if (verb === 'set' || what !== '') assert.ok(touched.length <= 1, 'one option, and no other');
        if (verb === 'set') {
          const [word = ''] = what.split(' ');
          const steps = [...at.matchAll(/(\w+) (\S+)/g)].map((match) => ({ scope: match[1] ?? '', instance: match[2] }));
          const own = ownOption(desk.standing, steps, word);
          assert.equal(String(own?.value), what.replace(/^\w+ (?:= )?/, '').replaceAll('"', ''));
        }
      }
      const first = await session.writeBack(undefined);
      assert.ok(first.ok, first.text);
      if (/^Warning/m.test(first.text)) return;
      const again = read(files).draft;
      assert.deepEqual(problemLines(again.read), []);
      assert.deepEqual(differencesBetween(rootOf(desk.standing), rootOf(again)), []);
      const isRemoved = commands.some(([verb]) => verb === 'unset');
      const kept = (of: string): number => of.split('\n').filter((line) => /#\s*(?:top|leaf|local|kept)/.test(line)).length;
      if (!isRemoved) assert.equal(kept(text(files[main])), kept(start.main), 'comments stay');
    }),
    { numRuns: 300 },
  );
  assert.ok(accepted > 100, `only ${accepted} changes were accepted`);
});

test('undo of each change in turn, the newest first, leads back to the beginning', async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.array(command, { minLength: 1, maxLength: 5 }), async (start, commands) => {
      const files: Record<string, MemoryFile> = {
        [main]: start.main,
        '/etc/a.conf': start.a,
        '/etc/b.conf': start.b,
        '/etc/c.conf': start.c,
      };
      const desk = deskOn(files);
      if (desk === undefined) return;
      const begin = rootOf(desk.standing);
      const session = desk.open('fc');
      for (const [verb, at, what] of commands) await (verb === 'set' ? session.set(at + what) : session.unset(at + what));
      const entries = [...Array(commands.length + 1).keys()].reverse().map((number) => desk.history.find(number));
      for (const entry of entries) {
        if (entry === undefined) continue;
        const reply = await session.undo(String(entry.number));
        // A scope that stood in a place no change may go to is refused, not half restored.
        if (!reply.ok) return;
      }
      const left = differencesBetween(begin, rootOf(desk.standing)).filter((one) => one.kind === 'option');
      assert.deepEqual(left, []);
    }),
    { numRuns: 200 },
  );
});
