/**
 * Records of effective values: one property for each option, typed from the declarations themselves.
 *
 * The one rule: all records of a kind have the same properties in the same order and are frozen; on the path of a message an option is
 * one property read. `undefined` means that nobody set it and the manual gives no default.
 * How the steps are chosen is steps.ts. Truth: FB-01, ARCHITECTURE.md "What may never break" 3.
 */
import { declaredOptions } from '../declared/index.ts';
import type { OptionDeclaration } from '../declaration.ts';
import type { Bounds, OptionValue, Rate } from '../values.ts';
import type { Step } from './steps.ts';

type Declared = (typeof declaredOptions)[number];

type EnumValue<T> = T extends { readonly values: readonly (infer V)[] }
  ? V | (T extends { readonly orNumber: string } ? number : never) | (T extends { readonly orOther: true } ? string & {} : never)
  : never;

type ParsedType<T extends { readonly kind: string }> = T['kind'] extends 'boolean'
  ? boolean
  : T['kind'] extends 'integer' | 'number' | 'seconds' | 'bytes' | 'percent' | 'octal'
    ? number
    : T['kind'] extends 'rate'
      ? Rate
      : T['kind'] extends 'enum'
        ? EnumValue<T>
        : T['kind'] extends 'array'
          ? readonly string[]
          : T['kind'] extends 'dictionary'
            ? ReadonlyMap<string, string>
            : T['kind'] extends 'bounds'
              ? Bounds
              : T['kind'] extends 'string' | 'address'
                ? string
                : OptionValue;

type ValueOf<D> = D extends { readonly type: infer T extends { readonly kind: string } }
  ? D extends { readonly default: unknown }
    ? ParsedType<T>
    : ParsedType<T> | undefined
  : never;

/** Of a union of declarations those that may stand in one of the scopes. */
type DeclaredIn<D, S extends string> = D extends { readonly scopes: readonly (infer X)[] }
  ? [Extract<X, S>] extends [never]
    ? never
    : D
  : never;

type RecordOf<D extends { readonly key: string }> = { readonly [K in D['key']]: ValueOf<Extract<D, { readonly key: K }>> };

type ListenerName =
  | 'Control_Listener'
  | 'ECCluster_Listener'
  | 'ECStream_Listener'
  | 'ESMTP_Listener'
  | 'HTTP_Listener'
  | 'MSGCServer_Listener'
  | 'XMPP_Listener';

/** Everything that may be set for sending: in bindings, groups and domains. */
export type SendingRecord = RecordOf<DeclaredIn<Declared, 'Binding' | 'Binding_Group' | 'Domain'>>;
/** Everything that may be set for receiving: in listeners, Listen, Peer, pathways. */
export type ListeningRecord = RecordOf<DeclaredIn<Declared, ListenerName | 'Listen' | 'Peer' | 'Pathway' | 'Pathway_Group'>>;
/** Everything that may be set at the top. */
export type GlobalRecord = RecordOf<DeclaredIn<Declared, 'Global' | 'global'>>;
/** The own options of one anonymous scope, with their defaults. */
export type SecurityRecord = RecordOf<DeclaredIn<Declared, 'Security'>>;
export type DebugFlagsRecord = RecordOf<DeclaredIn<Declared, 'Debug_Flags'>>;
export type EventLoopRecord = RecordOf<DeclaredIn<Declared, 'EventLoop'>>;

/** FB-05. A limit of -1 means none. */
export interface HostRecord {
  /** Whether any Host scope matched. */
  readonly isMatched: boolean;
  readonly maxOutboundConnections: number;
  readonly clusterMaxOutboundConnections: number;
  readonly clusterScopeMaxOutboundConnections: number;
  readonly scopeMaxOutboundConnections: number;
}

/** Builds records of one kind: the keys, their order, their defaults. */
class RecordShape<R extends object> {
  readonly #defaults: Readonly<Record<string, OptionValue | undefined>>;
  readonly #keys: ReadonlySet<string>;

  constructor(scopes: readonly string[]) {
    const wanted = new Set(scopes.map((scope) => scope.toLowerCase()));
    const defaults: Record<string, OptionValue | undefined> = {};
    const all: readonly OptionDeclaration[] = declaredOptions;
    for (const option of all) {
      if (!option.scopes.some((scope) => wanted.has(scope.toLowerCase()))) continue;
      if (defaults[option.key] === undefined) defaults[option.key] = option.default as OptionValue | undefined;
    }
    // Copied once: the copy has the compact layout that makes every further copy cheap (0.4 µs instead of 23).
    this.#defaults = Object.freeze({ ...defaults });
    this.#keys = new Set(Object.keys(defaults));
  }

  keys(): readonly string[] {
    return [...this.#keys];
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  defaultOf(key: string): OptionValue | undefined {
    return this.#defaults[key];
  }

  /** Values along the steps, most specific first (FB-01: each option by itself). */
  resolve(steps: readonly Step[]): R {
    const record = { ...this.#defaults };
    for (let index = steps.length - 1; index >= 0; index -= 1) {
      const step = steps[index];
      if (step?.node === undefined) continue;
      for (const option of step.node.options.values()) {
        if (option.key !== step.ignores && this.#keys.has(option.key)) record[option.key] = option.value;
      }
    }
    // The declarations that made the keys also made the type R.
    return Object.freeze(record) as R;
  }
}

const listeners = [
  'Control_Listener',
  'ECCluster_Listener',
  'ECStream_Listener',
  'ESMTP_Listener',
  'HTTP_Listener',
  'MSGCServer_Listener',
  'XMPP_Listener',
];

export const sendingShape = new RecordShape<SendingRecord>(['Binding', 'Binding_Group', 'Domain']);
export const listeningShape = new RecordShape<ListeningRecord>([...listeners, 'Listen', 'Peer', 'Pathway', 'Pathway_Group']);
export const globalShape = new RecordShape<GlobalRecord>(['Global']);
export const securityShape = new RecordShape<SecurityRecord>(['Security']);
export const debugFlagsShape = new RecordShape<DebugFlagsRecord>(['Debug_Flags']);
export const eventLoopShape = new RecordShape<EventLoopRecord>(['EventLoop']);

/** The step that set the option, or undefined when its value is the default (FB-14: the definition). */
export function definingStep(steps: readonly Step[], key: string): Step | undefined {
  return steps.find((step) => step.ignores !== key && [...(step.node?.options.values() ?? [])].some((option) => option.key === key));
}
