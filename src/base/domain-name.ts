// Domain names as text: one spelling per name, checked once where it enters.
//
// The rule to know: inside, a domain is lower-case ASCII with A-labels and without a trailing dot. Labels have 1 to 63 letters,
// digits or inner hyphens, the whole at most 253 (RFC 1035 2.3.4, RFC 5321 4.1.2); underscores only where the caller allows them.
// Unicode goes through UTS 46 of node:url; names that come out as an IP address, or change their labels on the way, are refused.

import { isIPv4 } from 'node:net';
import { domainToASCII } from 'node:url';

const longestName = 253;
const longestLabel = 63;
const hyphen = 45;
const dot = 46;
const digit0 = 48;
const digit9 = 57;
const letterA = 97;
const letterZ = 122;
const longestInput = 1024;
const strictLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const looseLabel = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const plainAscii = /^\p{ASCII}*$/u;
const asciiOutsideNames = /[\p{Cc} -,/:-@[-^`{-~]/u;

export interface DomainRules {
  /** Labels may hold underscores (DNS owner names; hosts of careless sites). */
  allowUnderscore?: boolean;
  /** One trailing dot (the root) is taken off instead of refused. */
  allowTrailingDot?: boolean;
}

/** Whether a text is a name as it is kept inside already: most are, and one pass costs a seventh of the patterns below. */
function isFinished(text: string): boolean {
  if (text.length > longestName) return false;
  let labelStart = 0;
  let last = hyphen;
  for (let at = 0; at < text.length; at += 1) {
    const c = text.charCodeAt(at);
    if (c === dot) {
      if (last === hyphen || at - labelStart > longestLabel) return false;
      labelStart = at + 1;
      last = hyphen;
    } else {
      if (c === hyphen ? at === labelStart : !((c >= letterA && c <= letterZ) || (c >= digit0 && c <= digit9))) return false;
      last = c;
    }
  }
  return last !== hyphen && text.length - labelStart <= longestLabel;
}

/** The A-label form in lower case, or undefined when the text is no domain name. Accepts U-labels. */
export function toAsciiDomain(text: string, rules: DomainRules = {}): string | undefined {
  if (isFinished(text)) return text;
  if (text.length === 0 || text.length > longestInput) return undefined;
  let name: string;
  if (plainAscii.test(text)) {
    name = text.toLowerCase();
  } else {
    if (asciiOutsideNames.test(text)) return undefined;
    name = domainToASCII(text);
    if (isIPv4(name) || !plainAscii.test(name)) return undefined;
  }
  if (rules.allowTrailingDot === true && name.length > 1 && name.endsWith('.')) name = name.slice(0, -1);
  if (name.length === 0 || name.length > longestName) return undefined;
  const label = rules.allowUnderscore === true ? looseLabel : strictLabel;
  for (const part of name.split('.')) if (!label.test(part)) return undefined;
  return name;
}

/**
 * For names that are only compared (scope names, list entries): A-label form where there is one, otherwise the text in ASCII
 * lower case; a trailing dot goes. Never fails.
 */
export function foldDomain(text: string): string {
  const ascii = toAsciiDomain(text, { allowUnderscore: true, allowTrailingDot: true });
  if (ascii !== undefined) return ascii;
  const lower = text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
