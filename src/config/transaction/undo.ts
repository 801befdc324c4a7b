/**
 * Takes one change of the history back, on top of whatever came after it.
 *
 * The one rule: only what still is as that change left it is taken back; where somebody changed it again, nothing is.
 * It edits images and reads once at the end. Truth: our own command config undo.
 */
import type { NewValue } from '#syntax';
import type { Written } from '../values.ts';
import { formatDifference, type Difference } from './differences.ts';
import { ownOption, problemLines, readDraft, rootOf, type Draft } from './draft.ts';
import type { HistoryEntry } from './history.ts';
import { findNode, inline, pathWords } from './listing.ts';
import { addEmptyScope, removeEverywhere, setAt, spotsFor, unsetEverywhere, type Placed } from './placing.ts';

type Undone = { readonly ok: true; readonly draft: Draft } | { readonly ok: false; readonly text: string };

export function undone(draft: Draft, entry: HistoryEntry): Undone {
  if (entry.more > 0) return { ok: false, text: `Cannot undo ${entry.number}: it had ${entry.more} differences more than are remembered` };
  const changed = entry.differences.find((one) => one.kind === 'option' && textOf(writtenNow(draft, one)) !== textOf(one.after));
  if (changed !== undefined) {
    const [line] = formatDifference(changed).slice(-1);
    return { ok: false, text: `Cannot undo ${entry.number}: this was changed again since: ${line ?? ''}` };
  }
  let now: Draft = draft;
  for (const one of [...entry.differences].reverse().sort((a, b) => rank(a) - rank(b))) {
    const placed = takeBack(now, one);
    if (!placed.ok) return { ok: false, text: `Cannot undo ${entry.number}: ${placed.message}` };
    if (placed.images !== now.images) now = readDraft(now, placed.images);
  }
  const left = entry.differences.find((one) => one.kind === 'option' && textOf(writtenNow(now, one)) !== textOf(one.before));
  if (left !== undefined) {
    const [line] = formatDifference(left);
    return { ok: false, text: `Cannot undo ${entry.number}: a read-only file sets it later: ${line ?? ''}` };
  }
  return now.read.snapshot === undefined ? { ok: false, text: problemLines(now.read).join('\n') } : { ok: true, draft: now };
}

/** Scopes come back before what stood in them, and go after it. */
function rank(one: Difference): number {
  if (one.kind === 'option') return 1;
  return one.is === 'removed' ? 0 : 2;
}

function takeBack(draft: Draft, one: Difference): Placed {
  const { images, read } = draft;
  const { targets } = read;
  if (targets === undefined) return { ok: false, message: 'the files cannot be read' };
  if (one.kind === 'scope') {
    if (one.is === 'removed') return addEmptyScope(images, targets, one.path);
    const node = findNode(rootOf(draft), one.path);
    // Somebody put more into it since: it stays.
    const isEmpty = node !== undefined && node.options.size === 0 && node.children.size === 0;
    return isEmpty ? removeEverywhere(images, targets, one.path) : { ok: true, images };
  }
  const change = { path: one.path, option: one.name };
  if (one.before === undefined) return unsetEverywhere(images, targets, change);
  const value = valueOf(one.before);
  const [spot] = spotsFor(targets, change);
  if (value === undefined || spot === undefined)
    return { ok: false, message: `${pathWords(one.path)}${one.name} cannot be written from here` };
  return setAt(images, targets.main.path, spot, { ...change, value });
}

function valueOf(written: Written): NewValue | undefined {
  if (written.kind === 'word') return written.text;
  if (written.kind === 'none') return 'true';
  if (written.kind === 'array') return written.items.map((item) => item.text);
  const entries = new Map<string, string>();
  for (const { key, value } of written.entries) {
    if (value.kind !== 'word') return undefined;
    entries.set(key, value.text);
  }
  return entries;
}

function writtenNow(draft: Draft, one: Extract<Difference, { kind: 'option' }>): Written | undefined {
  return ownOption(draft, one.path, one.name)?.written;
}

/** Quotation marks are layout. */
function textOf(written: Written | undefined): string {
  return written === undefined ? '' : inline(written).replace(/["']/g, '');
}
