/**
 * The room trust: whether received mail is what it says, by what the domains in it publish: SPF.
 *
 * The one rule: pure judgement over a port for questions to the DNS; each judgement has a bound on what it asks. What becomes of the mail is
 * for others to say, and every text that a stranger publishes stays data.
 * Not here: signing (dkim), options and headers of modules, the resolver (dns). Truth: RFC 7208, 8601.
 */
export { lookupBy } from './lookup.ts';
export type { Lookup, Query } from './lookup.ts';
export { checkSpf, spfIdentity } from './spf.ts';
export type { SpfQuestion, SpfResult, SpfVerdict } from './spf.ts';
export { receivedSpfValue, resultsValue } from './results.ts';
export type { MethodResult } from './results.ts';
