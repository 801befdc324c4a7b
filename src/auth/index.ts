/**
 * Identities: SASL mechanisms as a server speaks them, the back ends that know passwords, and the gate against guessing.
 *
 * The one rule: no secret leaves this room, neither into a log nor into an error; comparisons take the same time whatever is given.
 * Not here: the AUTH command and its replies (inbound), which mechanisms are offered (inbound), roles of the console.
 */
export { Authenticator } from './authenticator.ts';
export type { AuthenticatorOptions } from './authenticator.ts';
export { bestMechanism, saslClient, type SaslClient, type SaslIdentity } from './client/sasl-client.ts';
export { isBearer } from './bearer.ts';
export type { BearerName } from './bearer.ts';
export { verifierOf } from './scram-verifier.ts';
export { decodeBase64 } from './base64.ts';
export { FAILURES_MAX } from './failure-gate.ts';
export { isMechanism, MECHANISMS, mechanismProblem, parseMechanismSettings } from './settings.ts';
export type { MechanismName, MechanismSettings } from './settings.ts';
export type { SaslExchange, SaslStep } from './exchange.ts';
