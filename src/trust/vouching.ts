/**
 * Whether those who passed a message on vouch for its author: a chain of ARC that holds, of sealers that are trusted here.
 *
 * The one rule: a chain is as good as its worst hop, so every sealer must be one of those that are trusted, and the first of them must have found the author's
 * domain behind the message: a forger who writes to a list that passes everything on gains nothing.
 * Not here: the chain (arc-verify.ts), whom to trust and what comes of it (module dmarc). Truth: RFC 8617 section 7.2; RFC 9989 section 5.4.
 */
import type { ArcVerdict } from './arc-verify.ts';
import { saysDmarcPass } from './results-reader.ts';

/** @param trusted domains in lower case  @returns why not; undefined when they do */
export function vouchingProblem(arc: ArcVerdict, domain: string, trusted: ReadonlySet<string>): string | undefined {
  if (arc.result !== 'pass') return arc.result === 'none' ? 'nobody sealed it' : `its chain fails: ${arc.reason}`;
  const stranger = arc.sealers.find((sealer) => !trusted.has(sealer));
  if (stranger !== undefined) return `${stranger} is not trusted to seal`;
  return saysDmarcPass(arc.results, domain) ? undefined : `${arc.sealers[0]} had not found ${domain} behind it`;
}
