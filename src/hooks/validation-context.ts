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
  #message = new Map<string, string>();

  /** The dictionary of the message in hand: another Map for each message, so nobody keeps it. */
  get message(): ReadonlyMap<string, string> {
    return this.#message;
  }

  /** Stores a connection key. False when the dictionary is full. */
  setConnection(key: string, value: string): boolean {
    return put(this.connection, key, value);
  }

  /** Stores a message key. False when the dictionary is full. */
  setMessage(key: string, value: string): boolean {
    return put(this.#message, key, value);
  }

  /**
   * Empties the message dictionary: a new transaction begins. A new Map and not `clear()`: V8 links the table that was cleared to
   * the one that follows, so with one of them in old space all that a session ever wrote would stay until a full collection.
   */
  resetMessage(): void {
    if (this.#message.size > 0) this.#message = new Map();
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

/** An object without any inherited property, `__proto__` included. Unlike Object.create(null) it is not a hash table: three times as fast. */
const Bare = function Bare() {} as unknown as new () => Record<string, string>;
Bare.prototype = Object.freeze(Object.create(null)) as Record<string, string>;

/**
 * A dictionary as it is stored with the message (CTX-09): keys that match `excluded` are left out, unless they begin with `#`.
 * Nothing is inherited, so that any key is safe.
 */
export function storedContext(map: ReadonlyMap<string, string>, excluded?: (key: string) => boolean): Record<string, string> {
  const stored = new Bare();
  for (const [key, value] of map) {
    if (excluded !== undefined && !key.startsWith('#') && excluded(key)) continue;
    stored[key] = value;
  }
  return stored;
}
