/**
 * Receiving: ESMTP sessions on the listeners of the configuration. Other protocols will stand beside it.
 *
 * The one rule: this room speaks with clients and hands what they send to the intake; it knows no queue.
 * Not here: the grammar of SMTP (#smtp), sockets (#net), ids and durability (#intake).
 */
export { authNotices, authProblem } from './auth-rules.ts';
export { RECEIVED_MAX } from './end-of-message.ts';
export type { InboundThrottle, Pressure, SessionCell, SessionPorts } from './ports.ts';
export { RECEPTION_STATES } from './reception-state.ts';
export type { ReceptionState } from './reception-state.ts';
export { extensionName, extensionWords } from './extensions.ts';
export { CONNECTIONS_MAX, EsmtpService } from './service.ts';
export type { EsmtpServiceOptions, ListenStanza } from './service.ts';
export { listedExtensions, sessionRulesOf } from './session-rules.ts';
export type { OptionRecord } from './option-record.ts';
export type { SessionRules } from './session-rules.ts';
export { EsmtpSession } from './session.ts';
export type { SessionOptions } from './session.ts';
