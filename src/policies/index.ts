/**
 * The room policies: what others have published about TLS with their mail hosts, and whether a connection meets it.
 *
 * The one rule: nothing here opens a mail connection or decides over mail; outbound asks for each host, and acts. Everything learnt is bounded,
 * and a failure to learn is never taken for "there is no policy" where that would be a downgrade.
 * Not here: options of the operator (TLS, TLS_Verify: outbound), names (dns). Truth: RFC 7672 (DANE), RFC 8461 (MTA-STS), RFC 8460 (reports).
 */
export { HostPolicies, type HostPolicy, type HostQuestion, type PolicyAnswer } from './host-policies.ts';
export { DaneSelfTest } from './self-test.ts';
export { fetchSts } from './sts-fetch.ts';
export { policyFiles } from './sts-files.ts';
export { purgePolicies } from './sts-purge.ts';
export { StsStore } from './sts-store.ts';
export { reportMail, type ReportFacts } from './tls-report.ts';
export { postReport } from './tls-report-post.ts';
export { reportFile } from './tls-report-store.ts';
export { TlsReporter, type ReporterState } from './tls-reporter.ts';
export { TlsResults, type ReportTag, type TlsBatch, type TlsFault, type TlsOutcome } from './tls-results.ts';
