/*
 * Exclude_Vctx_Conn and Exclude_Vctx_Mess: which context keys are not stored with a message (SPL-10).
 *
 * The one rule: patterns are PCRE, compiled once per configuration; keys that begin with # are internal and never excluded.
 */
import type { Resolver } from '#config';
import { compilePcre, type PcreRegex } from '#system';

/** A test for keys that follows the configuration. */
export function excludedKeys(resolver: Resolver, which: 'excludeVctxConn' | 'excludeVctxMess'): (key: string) => boolean {
  let version = -1;
  let patterns: PcreRegex[] = [];
  return (key) => {
    if (version !== resolver.version) {
      version = resolver.version;
      for (const pattern of patterns) pattern.close();
      // What does not compile never gets here: the check refuses it.
      patterns = (resolver.global()[which] ?? []).flatMap((text) => {
        const compiled = compilePcre(text);
        return compiled.ok ? [compiled.regex] : [];
      });
    }
    return !key.startsWith('#') && patterns.some((pattern) => pattern.test(key));
  };
}
