/**
 * dkim_sign: mail of the domains that have a selector and a key leaves with a DKIM signature; the older of the two modules.
 *
 * The one rule: the header list is one text, names between colons, each with a suffix that says how many copies are signed and whether a
 * missing one is asserted. It is required, as there is no default.
 * Not here: the signature itself (dkim), verification. Truth: MOD-03; the module's page.
 */
import { signerSettings, suffixedRules, type HeaderRule, type OptionValues, type SigningStanza } from '#dkim';

export function dkimSignSettings(stanza: SigningStanza) {
  return signerSettings(stanza, (values) => rulesOf(values, stanza.name));
}

function rulesOf(values: OptionValues, name: string): readonly HeaderRule[] {
  const { headerlist } = values;
  const text = Array.isArray(headerlist) ? headerlist.join(':') : String(headerlist ?? '');
  if (text === '') throw new Error(`${name}: Headerlist is required: headerlist = "From:Subject:Date:To:MIME-Version?:Content-Type?"`);
  const rules = suffixedRules(text);
  if (rules === undefined)
    throw new Error(`${name}: cannot use "${text}" as Headerlist: expected names between colons, each with ?, *, + or nothing behind it`);
  return rules;
}
