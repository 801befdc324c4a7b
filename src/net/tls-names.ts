/**
 * Which certificate a client is shown when it says the name of the server it wants (SNI, RFC 6066 section 3).
 *
 * The one rule: a certificate stands for the names that are written in it, wildcards of one label among them; a whole name goes before a
 * wildcard, and a name that nobody stands for gets the listener's own certificate, because a server that is called by a name it does not
 * know still has mail to take. What a client says here is looked up and never kept.
 * Not here: reading certificates (tls-contexts.ts).
 */
import type { X509Certificate } from 'node:crypto';

/** The names of a certificate, lower case: those of subjectAltName, else its common name. */
export function namesOf(certificate: X509Certificate): string[] {
  const names = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s"]+)/g)].map(([, name = '']) => name.toLowerCase());
  if (names.length > 0) return names;
  const common = /^CN=(\S+)$/m.exec(certificate.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}

export class ServerNames<T> {
  readonly #byName = new Map<string, T>();

  /** The first certificate that has a name keeps it. */
  add(names: readonly string[], context: T): void {
    for (const name of names) if (!this.#byName.has(name)) this.#byName.set(name, context);
  }

  find(said: string): T | undefined {
    const name = said.toLowerCase();
    const dot = name.indexOf('.');
    return this.#byName.get(name) ?? (dot < 0 ? undefined : this.#byName.get(`*${name.slice(dot)}`));
  }
}
