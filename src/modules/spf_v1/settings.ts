/**
 * The options of one `spf_v1` stanza, as the module uses them.
 *
 * The one rule: what cannot work is refused by name. The default rule `?all` says nothing about anybody, so it stands for "no rule".
 * Not here: their declaration (config). Truth: MOD-02; the module's page.
 */
export interface SpfSettings {
  /** As paniclog lines call it. */
  readonly name: string;
  readonly addsReceivedSpf: boolean;
  readonly addsResults: boolean;
  readonly contextVariable: string;
  readonly defaultRule: string | undefined;
  /** At the first RCPT TO instead of MAIL FROM. */
  readonly isDelayed: boolean;
  /** What headers say of those who failed, in front of the term that decided. */
  readonly texts: { readonly fail: string; readonly softfail: string };
  readonly debugLevel: string | undefined;
}

export function spfSettings(stanza: {
  readonly instance: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}): SpfSettings {
  const { addHeaders, addAuthenticationResults, contextVariable, defaultRule, delayCheck, debugLevel } = stanza.options;
  const { failFallbackString, softfailFallbackString } = stanza.options;
  const name = stanza.instance === undefined || stanza.instance === '' ? 'spf_v1' : `spf_v1 "${stanza.instance}"`;
  const variable = typeof contextVariable === 'string' ? contextVariable : 'spf_status';
  if (variable === '') throw new Error(`${name}: Context_Variable is empty: expected a name such as spf_status`);
  const rule = typeof defaultRule === 'string' ? defaultRule.trim() : '?all';
  return {
    name,
    addsReceivedSpf: addHeaders !== false,
    addsResults: addAuthenticationResults !== false,
    contextVariable: variable,
    defaultRule: rule === '' || rule.toLowerCase() === '?all' ? undefined : rule.replace(/^v=spf1\s+/i, ''),
    isDelayed: delayCheck === true,
    texts: {
      fail: text(failFallbackString, 'SPF validation failure'),
      softfail: text(softfailFallbackString, 'SPF validation soft failure'),
    },
    debugLevel: typeof debugLevel === 'string' ? debugLevel : undefined,
  };
}

function text(value: unknown, standard: string): string {
  return typeof value === 'string' && value !== '' ? value : standard;
}
