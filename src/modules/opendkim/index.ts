/**
 * opendkim: mail of the domains that have a selector and a key leaves with a DKIM signature.
 *
 * The one rule: the header list names fields that are signed as often as they are there; those of oversign_headerlist are named once more, so that nobody
 * can add one; skip_headerlist leaves some out. Without a list RFC 6376's is taken.
 * Not here: the signature itself (dkim), verification. Truth: MOD-03; the module's page.
 */
import { headerNames, namedRules, signerSettings, type HeaderRule, type OptionValues, type SigningStanza } from '#dkim';

export function opendkimSettings(stanza: SigningStanza) {
  return signerSettings(stanza, (values) => rulesOf(values, stanza.name));
}

function rulesOf(values: OptionValues, name: string): readonly HeaderRule[] {
  const rules = namedRules({
    names: headerNames(values['headerlist']),
    skipped: headerNames(values['skipHeaderlist']) ?? [],
    oversigned: headerNames(values['oversignHeaderlist']) ?? [],
  });
  if (rules === undefined) throw new Error(`${name}: a list of headers holds what is no name of a header`);
  return rules;
}
