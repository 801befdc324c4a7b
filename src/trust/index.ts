/**
 * The room trust: whether received mail is what it says, by what the domains in it publish: SPF, DKIM, DMARC, ARC.
 *
 * The one rule: pure judgement over a port for questions to the DNS; each judgement has a bound on what it asks. What becomes of the mail is
 * for others to say, and every text that a stranger publishes stays data.
 * A chain of ARC is continued here too, as text that somebody signs. Not here: signing (dkim), options and headers of modules, the resolver (dns). Truth: RFC 7208, 8601, 8617.
 */
export { lookupBy } from './lookup.ts';
export type { Lookup, Query } from './lookup.ts';
export { arcResultsField, placeOfSeal, SealDraft } from './arc-seal.ts';
export type { SealPlace } from './arc-seal.ts';
export type { ArcVerdict } from './arc-verify.ts';
export { inTime } from './deadline.ts';
export type { Timers } from './deadline.ts';
export { evaluateDmarc } from './dmarc.ts';
export type { DmarcVerdict } from './dmarc.ts';
export type { DkimVerdict } from './dkim-verify.ts';
export { beginScan } from './message-scan.ts';
export type { MessageScan } from './message-scan.ts';
export { checkSpf, spfIdentity } from './spf.ts';
export type { SpfQuestion, SpfResult, SpfVerdict } from './spf.ts';
export { vouchingProblem } from './vouching.ts';
export { receivedSpfValue, resultsValue } from './results.ts';
export type { MethodResult } from './results.ts';
