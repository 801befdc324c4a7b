/**
 * Whom a message says it is from: the domains of its From field.
 *
 * The one rule: what readers of mail are shown is what is judged, so a message with several From fields, none, or one that holds anything but addresses
 * has no author at all. Quoted texts and comments are taken out before an address is looked for, in one pass over the text (A49).
 * Bounds: DOMAINS_MAX domains, FROM_OCTETS_MAX of a field. Truth: RFC 5322 section 3.6.2; RFC 9989 section 5.3.1.
 */
import { toAsciiDomain } from '#base';
import type { HeaderBlock } from './header-block.ts';

const DOMAINS_MAX = 5;
const FROM_OCTETS_MAX = 65_536;

/** The domains, each once, in lower case and ASCII, in the order of the field; a sentence when there is no one author. */
export function authorDomains(header: HeaderBlock | undefined): readonly string[] | string {
  if (header === undefined) return 'the header cannot be read';
  const count = header.count('From');
  if (count !== 1) return count === 0 ? 'there is no From' : `there are ${count} From fields`;
  const value = header.find('From') as string;
  if (value.length > FROM_OCTETS_MAX) return 'From is too long';
  const domains = new Set<string>();
  for (const part of bareText(value).split(/[,;]/)) {
    const text = part.trim();
    if (text === '' || text.endsWith(':')) continue;
    const domain = domainOf(text);
    if (domain === undefined) return 'From holds what is no address';
    domains.add(domain);
  }
  if (domains.size === 0) return 'From holds no address';
  return domains.size > DOMAINS_MAX ? 'From holds too many addresses' : [...domains];
}

/** Of `a@a.test`, `name <a@a.test>`, `group: a@a.test`. Of two addresses in brackets nobody knows which one a reader is shown. */
function domainOf(text: string): string | undefined {
  const open = text.indexOf('<');
  const isBracketed = open >= 0 && text.indexOf('>') === text.length - 1 && text.lastIndexOf('<') === open;
  if (open >= 0 && !isBracketed) return undefined;
  const address = isBracketed ? text.slice(open + 1, -1) : text.slice(text.indexOf(':') + 1);
  const at = address.lastIndexOf('@');
  if (address.slice(0, Math.max(0, at)).trim() === '') return undefined;
  return toAsciiDomain(address.slice(at + 1).replace(/\s+/g, ''), { allowUnderscore: true, allowTrailingDot: true });
}

/** Without comments, which may hold comments, and a letter in the place of each quoted text. A quote that is never closed is a character like others. */
export function bareText(text: string): string {
  let depth = 0;
  let hasQuotes = true;
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string;
    if (depth > 0) {
      if (character === '\\') i++;
      else if (character === '(') depth++;
      else if (character === ')') depth--;
    } else if (character === '(') depth++;
    else if (character === '"' && hasQuotes) {
      const end = endOfQuoted(text, i);
      // Nor is any behind it closed: a search for each would take the square of the length.
      hasQuotes = end >= 0;
      out += hasQuotes ? 'q' : character;
      if (hasQuotes) i = end;
    } else out += character;
  }
  return out;
}

function endOfQuoted(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}
