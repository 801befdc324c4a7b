// Why a question to the DNS could not be answered, as data. All of these are temporary: the same question may succeed later.
//
// The rule to know: an answer that says "there is no such name" or "no such record" is an answer, not a failure.

export const dnsFailures = {
  timeout: 'no name server answered in time',
  servfail: 'the name servers could not answer',
  refused: 'the name servers refused to answer',
  bad_response: 'the name servers gave an answer that cannot be read',
  loop: 'the aliases of the name lead in a circle or on for too long',
  busy: 'too many questions are waiting',
  no_servers: 'no name server is configured',
  closed: 'the resolver was closed',
} as const;

export type DnsFailure = keyof typeof dnsFailures;
