/**
 * The contract between the engine and its modules: phases, verdicts, contexts, and what a module may be.
 *
 * The one rule: a module is given views and ports from this room; it cannot reach an engine object, and the engine does not
 * know which modules exist.
 * Not here: any module (src/modules), who calls which phase when (inbound, intake). Truth: section 10 of the rules.
 */
export { PHASES } from './phases.ts';
export type { Phase } from './phases.ts';
export type { Reply } from '#smtp';
export { CONTINUE, DISCARD, DONE, TARPIT_MAX_MS } from './verdict.ts';
export type { PlainVerdict, Verdict } from './verdict.ts';
export { CONTEXT_KEYS_MAX, CONTEXT_VALUE_MAX, storedContext, ValidationContext } from './validation-context.ts';
export type {
  ConnectionView,
  HeaderEdit,
  HookView,
  LaterAnswer,
  MessageReader,
  MessageView,
  PhaseHook,
  RecipientHandle,
  SenderHandle,
  TransactionView,
  ValidationModule,
} from './validation-module.ts';
export { HOOK_DEADLINE_MS, PhaseRunner, WAITING_HOOKS_MAX } from './phase-runner.ts';
export type { PhaseAnswer, PhaseRunnerOptions } from './phase-runner.ts';
export { StoreRefusal } from './mailbox-store.ts';
export type { BodySink, MailboxStore, StoreRecipient } from './mailbox-store.ts';
export type { AnswerMerge, ModuleCommand, ModuleManifest, ModuleThread } from './manifest.ts';
export type {
  AuthenticationService,
  Credential,
  CredentialScheme,
  CredentialSource,
  PasswordAnswer,
  TokenAnswer,
  TokenQuestion,
  VerifyToken,
} from './authentication.ts';
export type { MessageSigner, SigningRecipient, SigningRun, SigningView } from './message-signer.ts';
export type { ReceptionEnd, ReceptionStopwatch, ReceptionTimer, TimedReception } from './reception-timing.ts';
export { rejectionRecord } from './rejection-record.ts';
export type { LoggerModule, LoggerScope, OpenLogger } from './logger.ts';
