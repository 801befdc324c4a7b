// dns: what the Domain Name System says, with its real lifetimes, and what that means for where mail goes.
//
// The rule to know: answers are data from strangers and are treated so; "no" is an answer, a failure is always temporary, and nothing
// waits or grows without a bound. Retry counts, prohibited networks and connections are outbound's and queue's; files are read by main.

export { Resolver, resolverLimits } from './resolver.ts';
export type { DnsAnswer, Prover, ResolverOptions } from './resolver.ts';
export { mailPlanLimits } from './mail-plan.ts';
export type { MailHost, MailPlan } from './mail-plan.ts';
export { parseNameServer, parseResolvConf } from './resolv-conf.ts';
export type { ResolvConf, ResolvConfProblem } from './resolv-conf.ts';
export { HostTable } from './hosts-file.ts';
export { isProhibited, prohibitedByDefault } from './prohibited-hosts.ts';
export type { AddressSource } from './prohibited-hosts.ts';
export { dnsFailures } from './errors.ts';
export type { DnsFailure } from './errors.ts';
export { isRecordType } from './message.ts';
export type { DnsRecord, Question, RecordType } from './message.ts';
export type { Channel, DnsTransport, NameServer } from './transport.ts';
