/**
 * dane: its stanza makes Use_DANE count, and says by which signed name the name servers are tested.
 *
 * The one rule: without the stanza nothing is asked of the name servers that was not asked before.
 * Not here: look-ups and proofs (policies), which mail (Use_DANE, Enable_DANE). Truth: the manual's page of dane.
 */
import { toAsciiDomain } from '#base';

export interface DaneSettings {
  /** Its NS records must come with a proof. */
  readonly signedName: string;
}

export function daneSettings(values: Readonly<Record<string, unknown>>): DaneSettings {
  const { selfTestName = 'com' } = values;
  const name = typeof selfTestName === 'string' ? toAsciiDomain(selfTestName, { allowTrailingDot: true }) : undefined;
  if (name === undefined)
    throw new Error(`dane: Self_Test_Name "${String(selfTestName)}" is no domain; name one that DNSSEC signs, such as com`);
  return { signedName: name };
}
