/**
 * What a stanza of fbl says, with its defaults.
 *
 * The one rule: what cannot be followed is an Error with a sentence, so that the configuration is refused before anything is marked.
 * Truth: rule BNC-13 and the page of fbl; `Token_Key` is ours (A53).
 */

export interface FblSettings {
  readonly name: string;
  readonly debugLevel: string | undefined;
  /** Patterns of the mailboxes that take reports. */
  readonly addresses: readonly string[];
  /** Without it nothing is marked and nothing is logged. */
  readonly autoLog: boolean;
  /** A key of the message context that asks for a mark. */
  readonly condition: string | undefined;
  readonly headerName: string;
  readonly logPath: string;
  readonly disposition: 'blackhole' | 'pass';
  readonly userString: string;
  /** Undefined: marks have no token, and reports are believed. */
  readonly tokenKey: string | undefined;
  /** With a key: what bounces without a mark say is believed. */
  readonly trustsUnmarkedBounces: boolean;
}

const KEY_CHARS_MIN = 16;

export function fblSettings({ options }: { readonly options: Readonly<Record<string, unknown>> }): FblSettings {
  const text = (key: string): string | undefined => (typeof options[key] === 'string' && options[key] !== '' ? options[key] : undefined);
  const headerName = text('headerName') ?? 'X-MSFBL';
  if (!/^[!-9;-~]{1,76}$/.test(headerName)) throw new Error(`Header_Name: "${headerName}" is no name of a header`);
  const tokenKey = text('tokenKey');
  if (tokenKey !== undefined && tokenKey.length < KEY_CHARS_MIN)
    throw new Error(`Token_Key: expected ${KEY_CHARS_MIN} characters or more, or it could be guessed`);
  const { addresses } = options;
  return {
    name: 'fbl',
    debugLevel: text('debugLevel'),
    addresses: Array.isArray(addresses) ? addresses.map(String) : [],
    autoLog: options['autoLog'] === true,
    condition: text('condition'),
    headerName,
    logPath: text('logPath') ?? '/var/log/ecelerity/fbllog.ec',
    disposition: options['messageDisposition'] === 'pass' ? 'pass' : 'blackhole',
    userString: text('userString') ?? '',
    tokenKey,
    trustsUnmarkedBounces: options['trustUnmarkedBounces'] === true,
  };
}
