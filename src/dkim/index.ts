/**
 * The room dkim: signatures of mail that leaves, from the arithmetic over its bytes to the thread in which private keys work.
 *
 * The one rule: keys, time, files and bytes are handed in. The slow steps are never an event loop's: a body is hashed as it is received,
 * and a signature is computed in a thread of its own.
 * Not here: options (modules opendkim, dkim_sign), when a message is signed (intake). Truth: RFC 6376, 8301, 8463; MOD-03.
 */
export { KeyCache } from './key-cache.ts';
export { MessageDigest } from './message-digest.ts';
export type { DigestedMessage, HashKind } from './message-digest.ts';
export { asciiName, digestOf, headerNames, namedRules, suffixedRules } from './plan.ts';
export type { Algorithm, Canonicalization, HeaderRule, SigningPlan } from './plan.ts';
export { keyCacheSettings, signerSettings } from './settings.ts';
export type { KeyCacheSettings, OptionValues, SigningStanza } from './settings.ts';
export { canonicalField, relaxedField, SIGNED_FIELDS_MAX, signedFields } from './signed-fields.ts';
export { signature } from './signature.ts';
export { SignatureDraft } from './signature-draft.ts';
export { DkimSigner, signingFor } from './signer.ts';
export type { DkimRun, SignerPorts } from './signer.ts';
export { SigningThread } from './signing-thread.ts';
export { Tally } from './tally.ts';
export type { SigningFigures } from './tally.ts';
