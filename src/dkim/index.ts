/**
 * The room dkim: the arithmetic of DKIM signatures over the bytes of a message, for the modules that sign.
 *
 * The one rule: pure functions; keys, time and bytes are handed in, and the slow steps (a long body, the private key) are cut so that
 * whoever calls can spread them over turns or threads.
 * Not here: whose mail is signed and with which key (modules opendkim, dkim_sign), when (outbound). Truth: RFC 6376, 8301, 8463.
 */
export { BodyDigest } from './body-digest.ts';
export type { BodyHash } from './body-digest.ts';
export { digestOf, namedRules, suffixedRules } from './plan.ts';
export type { Algorithm, Canonicalization, HeaderRule, SigningPlan } from './plan.ts';
export { readPrivateKey, signature } from './signature.ts';
export type { KeyKind } from './signature.ts';
export { SignatureDraft } from './signature-draft.ts';
