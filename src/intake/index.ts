/**
 * THE door: all mail, from outside or inside, becomes durable here and is handed to the queue.
 *
 * The one rule: an answer without an error means durable. Not here: receiving protocols (inbound), waiting (queue).
 */
export { INTAKE_REPLIES, IntakeError } from './errors.ts';
export type { IntakeErrorCode } from './errors.ts';
export { EDITABLE_BYTES, EDITABLE_TOTAL_BYTES } from './kept-message.ts';
export { Intake } from './intake.ts';
export { MessageDraft } from './message-draft.ts';
export type { FinishAnswer } from './message-draft.ts';
export { receptionRecorder } from './reception-records.ts';
export type {
  AcceptedPort,
  BindingPort,
  DoorNotice,
  DoorNoticePort,
  EnvelopeHead,
  IdPort,
  IntakePorts,
  RecipientHead,
  SpoolPort,
  SubmitHead,
  SubmitPort,
} from './ports.ts';
export { DEFAULT_BINDING } from './recipient.ts';
export { LARGE_MESSAGE_BYTES, RESIDENT_TOTAL_BYTES, ResidentBudget } from './resident-budget.ts';
