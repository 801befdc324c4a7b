/**
 * delay_dsn: whether notices of delay may be sent.
 *
 * The one rule: Generate_Delay_DSN is enough to send them; stanzas switch them off only when all there are say `Enabled = false`.
 * Not here: when a notice is due and what it says (queue). Truth: rule BNC-11, CFG-13.
 */

export function isDelayTold(stanzas: readonly { readonly isEnabled: boolean }[]): boolean {
  return stanzas.length === 0 || stanzas.some(({ isEnabled }) => isEnabled);
}
