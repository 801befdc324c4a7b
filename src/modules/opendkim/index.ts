/**
 * opendkim: mail of the domains that have a selector and a key leaves with a DKIM signature.
 *
 * The one rule: the header list names fields that are signed as often as they are there; those of oversign_headerlist are named once more, so that nobody
 * can add one; skip_headerlist leaves some out. Without a list RFC 6376's is taken.
 * Not here: the signature itself (dkim), verification. Truth: MOD-03; the module's page.
 */
import { namedRules, signerSettings, type HeaderRule, type OptionValues, type SigningStanza } from '#dkim';

export function opendkimSettings(stanza: SigningStanza) {
  return signerSettings(stanza, (values) => rulesOf(values, stanza.name));
}

function rulesOf(values: OptionValues, name: string): readonly HeaderRule[] {
  const rules = namedRules({
    names: list(values['headerlist']),
    skipped: list(values['skipHeaderlist']) ?? [],
    oversigned: list(values['oversignHeaderlist']) ?? [],
  });
  if (rules === undefined) throw new Error(`${name}: a list of headers holds what is no name of a header`);
  return rules;
}

/** Names stand in an array, or in one text between commas, blanks or colons. */
function list(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  const names = texts.flatMap((text) => text.split(/[\s,:]+/)).filter((word) => word !== '');
  return names.length === 0 ? undefined : names;
}
