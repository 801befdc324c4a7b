/*
 * control: the console of a running server, and the operations behind it.
 *
 * Operations are data (words, usage, what runs) that see the server through one port; the console carries them over a
 * framed protocol. Mail flows without this room: it can die and be restarted by itself.
 * Not here: opening the sockets and wiring the port to the loops (main).
 */
export * as vault from './vault/index.ts';
export { ConsoleClient, type ClientIdentity, type ConsoleAnswer, type ServerHello } from './console/client.ts';
export type { AccessPort, AccountingEvent } from './access/access.ts';
export { RoleBook } from './access/roles.ts';
export { accessProblem, accessRules } from './access/rules.ts';
export { userName } from './access/users.ts';
export { ConsoleServer } from './console/server.ts';
export {
  NamedCounters,
  operations,
  runCommand,
  type Answer,
  type ConsoleSession,
  type LoopAnswers,
  type ModuleLine,
  type Operation,
  SmtpTraces,
  type ServerPort,
  type WhereAsked,
  type WhereSet,
} from './operations/index.ts';
