/**
 * The validation context: two dictionaries of text that modules, policy and logs share.
 *
 * The one rule: `connection` lives as long as the connection, `message` is emptied with each message and at RSET (CTX-01).
 * Keys are kept in Maps, never in objects, so that a key such as `__proto__` is a key like any other. Keys that begin with
 * `#` are internal: `exclude_vctx_*` does not touch them. Both dictionaries have a bound; a key beyond it is not stored.
 * Truth: section 9 of the rules, CTX-01 to CTX-09.
 */

/** Most keys one dictionary holds; `set` of a new key beyond it stores nothing and answers false. */
export const CONTEXT_KEYS_MAX = 1024;

/** Longest value stored, in UTF-16 units; what is longer is cut. */
export const CONTEXT_VALUE_MAX = 65_536;

export class ValidationContext {
  readonly connection = new Map<string, string>();
  readonly message = new Map<string, string>();

  /** Stores a connection key. False when the dictionary is full. */
  setConnection(key: string, value: string): boolean {
    return put(this.connection, key, value);
  }

  /** Stores a message key. False when the dictionary is full. */
  setMessage(key: string, value: string): boolean {
    return put(this.message, key, value);
  }

  /** Empties the message dictionary: a new transaction begins. */
  resetMessage(): void {
    if (this.message.size > 0) this.message.clear();
  }

  /** Whether the module of this scope name is to be passed over in this session (LSN-13). */
  isBypassed(module: string): boolean {
    return this.connection.get(`__bypass_${module}`) === 'true';
  }
}

function put(map: Map<string, string>, key: string, value: string): boolean {
  if (map.size >= CONTEXT_KEYS_MAX && !map.has(key)) return false;
  map.set(key, value.length > CONTEXT_VALUE_MAX ? value.slice(0, CONTEXT_VALUE_MAX) : value);
  return true;
}

/**
 * A dictionary as it is stored with the message (CTX-09): keys that match `excluded` are left out, unless they begin with `#`.
 * Made without a prototype, so that any key is safe.
 */
export function storedContext(map: ReadonlyMap<string, string>, excluded?: (key: string) => boolean): Record<string, string> {
  const stored: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [key, value] of map) {
    if (excluded !== undefined && !key.startsWith('#') && excluded(key)) continue;
    stored[key] = value;
  }
  return stored;
}
