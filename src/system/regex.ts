/**
 * What a compiled pattern can do, whoever runs it: the PCRE library (pcre.ts) or its substitute (substitute-regex.ts).
 *
 * The one rule: neither a subject nor a pattern makes it throw; what cannot be compiled is a result with the reason.
 */

export interface PcreRegex {
  /** True when the pattern matches anywhere in the subject. Never throws on any subject. */
  test(subject: string | Buffer): boolean;
  /** The whole match and its groups ('' for a group that took no part), undefined when nothing matches. */
  exec(subject: string | Buffer): string[] | undefined;
  /** Matches given up at the limit. */
  readonly exhausted: number;
  /** Gives the memory back; later tests answer false. */
  close(): void;
}

export type PcreResult = { ok: true; regex: PcreRegex } | { ok: false; message: string; /** Bytes into the pattern. */ offset: number };
