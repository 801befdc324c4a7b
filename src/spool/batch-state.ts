// Applies the notes of a batch to its recipients.
//
// The rule to know: notes come oldest first; an outcome is final, of deferrals and rebinds the latest wins, a recipient number that the
// envelope does not have is ignored. Used by recovery and by the offline tool, so that both tell the same.

import { decodeNote, emptyNote, readNote } from './note-entry.ts';
import { openState, type RecipientState } from './state.ts';

/** @param entries the bytes of each entry. */
export function applyNotes(recipients: number, entries: readonly Buffer[]): RecipientState[] {
  const states: RecipientState[] = Array.from({ length: recipients }, openState);
  const entry = emptyNote();
  for (const bytes of entries) {
    if (!readNote(bytes, 0, bytes.length, entry)) continue;
    const note = decodeNote(bytes, entry);
    if (note === undefined) continue;
    for (const recipient of note.recipients) {
      const state = states[recipient];
      if (state === undefined || state.outcome !== 'open') continue;
      if (note.kind === 'rebind') {
        state.binding = note.binding;
        state.bindingGroup = note.bindingGroup;
      } else if (note.kind === 'reroute') {
        state.route = note.domain;
      } else if (note.kind === 'deferred') {
        state.attempts = note.attempts;
        state.nextAt = note.nextAt;
        if (note.reply === undefined) delete state.reply;
        else state.reply = note.reply;
      } else {
        state.outcome = note.kind;
      }
    }
  }
  return states;
}

export function isOver(states: readonly RecipientState[]): boolean {
  return states.every((s) => s.outcome !== 'open');
}
