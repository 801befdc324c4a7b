/**
 * Whom a message says it is from: the domains of its From field.
 *
 * The one rule: what readers of mail are shown is what is judged, so a message with several From fields, none, or one without a domain has no author at
 * all. Quoted texts and comments are taken out before an address is looked for.
 * Bound: DOMAINS_MAX domains. Truth: RFC 5322 section 3.6.2; RFC 9989 section 5.3.1.
 */
import { toAsciiDomain } from '#base';
import type { HeaderBlock } from '#mail';

const DOMAINS_MAX = 5;
const FROM_OCTETS_MAX = 65_536;

/** The domains, each once, in lower case; a sentence when there is no one author. */
export function authorDomains(header: HeaderBlock | undefined): readonly string[] | string {
  if (header === undefined) return 'the header cannot be read';
  const count = header.count('From');
  if (count !== 1) return count === 0 ? 'there is no From' : `there are ${count} From fields`;
  const value = header.find('From') as string;
  if (value.length > FROM_OCTETS_MAX) return 'From is too long';
  const bare = withoutComments(value.replace(/"(?:[^"\\]|\\.)*"/g, 'q'));
  const domains = new Set<string>();
  for (const part of bare.split(/[,;]/)) {
    if (part.trim() === '' || /:\s*$/.test(part)) continue;
    const address = /<([^<>]*)>/.exec(part)?.[1] ?? part.slice(part.indexOf(':') + 1);
    const at = address.lastIndexOf('@');
    const domain =
      at < 0 ? undefined : toAsciiDomain(address.slice(at + 1).replace(/\s+/g, ''), { allowUnderscore: true, allowTrailingDot: true });
    if (domain === undefined) return 'From holds what is no address';
    domains.add(domain);
  }
  if (domains.size === 0) return 'From holds no address';
  return domains.size > DOMAINS_MAX ? 'From holds too many addresses' : [...domains];
}

/** Comments may hold comments. */
export function withoutComments(text: string): string {
  let depth = 0;
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (character === '\\' && depth > 0) i++;
    else if (character === '(') depth++;
    else if (character === ')' && depth > 0) depth--;
    else if (depth === 0) out += character;
  }
  return out;
}
