/**
 * What was found out about a message, as the header fields that say so: Authentication-Results and Received-SPF.
 *
 * The one rule: every value that a stranger chose is put into quotes or left out, so that none can end a field, a comment or a clause.
 * Not here: folding (mail), whose fields are taken away (smtp). Truth: RFC 8601 section 2, RFC 7208 section 9.
 */
import { asciiLine } from '#mail';

/** Octets of one value; longer ones are cut, since a quoted text cannot be folded. */
const VALUE_MAX = 400;

export interface MethodResult {
  readonly method: 'spf' | 'dkim' | 'dmarc' | 'arc';
  readonly result: string;
  /** For people. */
  readonly reason?: string | undefined;
  /** `smtp.mailfrom` and the like, with their values. */
  readonly properties: readonly (readonly [name: string, value: string])[];
}

/** The value of an Authentication-Results field. */
export function resultsValue(authservId: string, results: readonly MethodResult[]): string {
  if (results.length === 0) return `${authservId}; none`;
  const clauses = results.map(({ method, result, reason, properties }) =>
    [
      `${method}=${result}`,
      ...(reason === undefined || reason === '' ? [] : [`reason=${quoted(reason)}`]),
      ...properties.filter(([, value]) => value !== '').map(([name, value]) => `${name}=${plainOrQuoted(value)}`),
    ].join(' '),
  );
  return [authservId, ...clauses].join('; ');
}

/** The value of a Received-SPF field. */
export function receivedSpfValue(o: { result: string; reason: string; pairs: readonly (readonly [string, string])[] }): string {
  const comment = asciiLine(o.reason, VALUE_MAX).replace(/[()\\]/g, '\\$&');
  const pairs = o.pairs.filter(([, value]) => value !== '').map(([key, value]) => `${key}=${dotAtomOrQuoted(value)}`);
  return `${o.result} (${comment}) ${pairs.join('; ')}`;
}

/** A token, an address or a name goes as it is. */
function plainOrQuoted(value: string): string {
  return /^[a-z0-9!#$%&'*+\-./^_`{|}~]{1,200}(?:@[a-z0-9.-]{1,255})?$|^@[a-z0-9.-]{1,255}$/i.test(value) ? value : quoted(value);
}

function dotAtomOrQuoted(value: string): string {
  return /^[a-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[a-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/i.test(value) && value.length <= VALUE_MAX
    ? value
    : quoted(value);
}

function quoted(value: string): string {
  return `"${asciiLine(value, VALUE_MAX).replace(/["\\]/g, '\\$&')}"`;
}
