/**
 * static_routes: all mail goes to one address, whatever domains, gateways, routes and DNS say.
 *
 * The one rule: a target that is no address stops the start, since mail would go nowhere; a stanza without a target changes nothing.
 * Of several stanzas that name a target the first holds. Not here: the planning (outbound). Truth: rule OUT-23.
 */
import { parseHostPort } from '#base';

/** Reads the target of a stanza. Throws an Error that says what to correct. */
export function staticTarget(values: Readonly<Record<string, unknown>>): string | undefined {
  const { target } = values;
  if (target === undefined || target === '') return undefined;
  const isAddress = typeof target === 'string' && (/^unix:\//i.test(target) || parseHostPort(target)?.kind === 'ip');
  if (isAddress) return target;
  throw new Error(
    `Cannot use "${String(target)}" as target of static_routes: expected an address, IPv6 in brackets, with or without :port`,
  );
}
