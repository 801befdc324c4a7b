/**
 * How one scope instance is named: the key under which equal spellings meet, and the path that messages and the console print.
 *
 * The one rule: `scopeKey` decides what merges (CFG-10). Domain and host names do not care about case, addresses are compared as
 * numbers (V6-02), binding names and everything else are compared letter by letter (CFG-05).
 * It does not say what is legal (catalogue.ts). Truth: CFG-05, CFG-10, FB-09, FB-12, V6-02, V6-04, CC-12.
 */
import { foldDomain, formatCidr, formatEndpoint, parseCidr, parseEndpoint, parseIp } from '#base';

/** One step from a scope to one inside it. `instance` is undefined for an anonymous scope. */
export interface ScopeStep {
  readonly scope: string;
  readonly instance: string | undefined;
}

export type ScopePath = readonly ScopeStep[];

/** The same for all spellings of one scope instance, different for different ones. */
export function scopeKey(scope: string, instance: string | undefined): string {
  const folded = scope.toLowerCase();
  return instance === undefined ? folded : `${folded}\0${foldInstance(folded, instance)}`;
}

/** Splits a key again: the folded scope name and the folded instance. */
export function splitKey(key: string): { readonly scope: string; readonly instance: string | undefined } {
  const at = key.indexOf('\0');
  return at < 0 ? { scope: key, instance: undefined } : { scope: key.slice(0, at), instance: key.slice(at + 1) };
}

/** FB-09: the pattern inside `/.../`, or undefined for a plain name. */
export function patternOf(instance: string): string | undefined {
  return instance.length > 2 && instance.startsWith('/') && instance.endsWith('/') ? instance.slice(1, -1) : undefined;
}

function foldInstance(scope: string, instance: string): string {
  switch (scope) {
    case 'domain':
      return foldDomainName(instance);
    case 'host':
      return foldHostName(instance);
    case 'listen': {
      const endpoint = parseEndpoint(instance);
      return endpoint === undefined ? instance : formatEndpoint(endpoint);
    }
    case 'peer': {
      const cidr = parseCidr(instance);
      return cidr === undefined ? instance : formatCidr(cidr);
    }
    default:
      return instance;
  }
}

/** The form under which domains are equal: lower case A-labels, `[IPv6:...]` by address. Patterns stay as written. */
export function foldDomainName(name: string): string {
  if (patternOf(name) !== undefined) return name;
  const literal = /^\[(ipv6:)?(.*)\]$/i.exec(name);
  if (literal !== null) {
    const ip = parseIp(literal[2] ?? '');
    if (ip !== undefined) return ip.family === 6 ? `[ipv6:${ip.text}]` : `[${ip.text}]`;
  }
  return foldDomain(name);
}

/** Hosts are names or addresses. */
export function foldHostName(name: string): string {
  if (patternOf(name) !== undefined) return name;
  const ip = parseIp(name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name);
  return ip === undefined ? foldDomain(name) : ip.text;
}

/** CC-12: `Esmtp_Listener::Listen:\:25:`; the global scope is empty. */
export function formatPath(path: ScopePath): string {
  return path.map((step) => `${step.scope}:${(step.instance ?? '').replace(/[\\:]/g, '\\$&')}:`).join('');
}

/** The same for a person: `Binding_Group g, Binding b`. */
export function describePath(path: ScopePath): string {
  if (path.length === 0) return 'Global';
  return path.map((step) => (step.instance === undefined ? step.scope : `${step.scope} ${step.instance}`)).join(' > ');
}
