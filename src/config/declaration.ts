/**
 * What an option, a scope and a module say about themselves: the shapes of the data in declared/.
 *
 * The one rule: a declaration is plain data. It holds no behaviour but the optional `stopsAt`, so that the manual, the
 * checker and the records of the resolver are all made from the same lines. Nothing works inside a scope that does not.
 * It does not hold how a value is parsed (value-types.ts) nor who reads it (the rooms that use it).
 * Truth: the option reference of the manual; rules CFG-07, CFG-08, CFG-09; ARCHITECTURE.md, "What may never break" 13.
 */

/** Every scope that the language knows, in its canonical spelling. Modules are scopes too, but not in this list. */
export type ScopeName = string;

/**
 * The form of an option's value. `seconds` and `bytes` are whole numbers, `percent` is 0 to 100, `octal` is a file mode,
 * `rate` is "N" or "N/S" (N a period of S seconds), `bounds` a pair "low,high",
 * `address` an IP address or nothing, `any` whatever was written.
 */
export type ValueType =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly kind: 'number'; readonly min?: number; readonly max?: number }
  | { readonly kind: 'seconds'; readonly min?: number }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'percent' }
  | { readonly kind: 'octal' }
  | { readonly kind: 'rate' }
  | { readonly kind: 'string' }
  | { readonly kind: 'address' }
  | {
      readonly kind: 'enum';
      readonly values: readonly string[];
      readonly aliases?: Readonly<Record<string, string>>;
      /** A number is legal too, e.g. Max_Retries = 5. */
      readonly orNumber?: 'integer' | 'number';
      /** Any other word is legal too and kept as written, e.g. TLS_Verify_Mode. */
      readonly orOther?: boolean;
    }
  | { readonly kind: 'array'; readonly of?: 'string' | 'cidr' | 'domain-glob' | 'regex' }
  | { readonly kind: 'dictionary' }
  | { readonly kind: 'bounds' }
  | { readonly kind: 'any' };

/** When a changed value takes effect. */
export type Effect = 'next-use' | 'now' | 'restart';

/**
 * `works`: the value has the effect the manual gives it. `inert`: accepted without effect here, by nature or not yet.
 * `guards`: it restricts or protects; while `implemented` is false, its use stops the start.
 */
export type Status = 'works' | 'inert' | 'guards';

export interface OptionDeclaration {
  /** Canonical spelling, e.g. `Max_Outbound_Connections`. Looked up without regard to case. */
  readonly name: string;
  /** The property in resolved records, e.g. `maxOutboundConnections`. */
  readonly key: string;
  readonly type: ValueType;
  /** In parsed form. Absent where the manual gives none. */
  readonly default?: unknown;
  /** Where the option may stand, canonical scope names. */
  readonly scopes: readonly ScopeName[];
  readonly effect: Effect;
  /** The version of Momentum (or of Impetus) that has it first, '' where the manual does not say. */
  readonly since: string;
  readonly status: Status;
  /** For guards only: whether the guard works yet. True for `works`. */
  readonly implemented: boolean;
  /** One line in our own words. */
  readonly about: string;
  readonly category: string;
  /**
   * Which values need a behaviour that is not there yet: using one stops the start, whatever the status is. Without it, a guard that is
   * not implemented stops the start at every value but its default.
   */
  readonly stopsAt?: (value: unknown) => boolean;
}

export interface ScopeDeclaration {
  /** Canonical spelling, e.g. `Binding_Group`. */
  readonly name: ScopeName;
  readonly parents: readonly ScopeName[];
  /** Whether the scope is written with a name after it. */
  readonly instance: 'none' | 'required' | 'optional';
  readonly status: Status;
  readonly implemented: boolean;
  /** Scopes inside which this one has no effect, although it has elsewhere. */
  readonly inertIn?: readonly ScopeName[];
  /** Options that do not work in this scope and below, although they do elsewhere: guards among them stop the start here. */
  readonly lacks?: readonly string[];
  readonly about: string;
  readonly since: string;
}

export interface ModuleDeclaration {
  /** The scope's name as the manual writes it, e.g. `ec_logger`. */
  readonly name: string;
  /** Whether only one instance may exist. */
  readonly singleton: boolean;
  readonly options: readonly OptionDeclaration[];
  /** Scopes inside the module's scope, e.g. a rule set. Their options belong to them. */
  readonly scopes?: readonly ScopeDeclaration[];
  readonly status: Status;
  readonly implemented: boolean;
  readonly about: string;
  readonly since: string;
  readonly category: string;
}
