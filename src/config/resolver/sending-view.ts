/**
 * Sending records: tens of thousands of queues hold one each, so that what they say is held once for all that say the same.
 *
 * The one rule: a record of its own costs a few words. Its values are one list that all records of equal values share; what it was made from (the
 * scopes with own options, most specific first) is kept beside it, because limits attach to their definition (FB-14).
 * Options are getters of one class: reading one is a property read and a look into a list. They are not own properties, so `{ ...record }` copies
 * nothing: `withOptions` makes a record that differs. Bound: of lists, as many as of records. Truth: FB-01, ARCHITECTURE.md "What may never break" 3.
 */
import { Lru } from '#base';
import type { ScopeNode } from '../snapshot/scope-node.ts';
import type { OptionValue } from '../values.ts';
import { sendingShape, type SendingRecord } from './records.ts';
import type { Step } from './steps.ts';

type Values = readonly (OptionValue | undefined)[];

const keys = sendingShape.keys();
const indexes = new Map(keys.map((key, index) => [key, index]));
const defaults: Values = keys.map((key) => sendingShape.defaultOf(key));

class SendingView {
  readonly #values: Values;
  readonly #below: readonly Step[];
  readonly #top: ScopeNode;

  constructor(values: Values, below: readonly Step[], top: ScopeNode) {
    this.#values = values;
    this.#below = below;
    this.#top = top;
    Object.freeze(this);
  }

  static reader(index: number): (this: SendingView) => OptionValue | undefined {
    return function (this: SendingView) {
      return this.#values[index];
    };
  }

  static steps(view: SendingView): readonly Step[] {
    return [...view.#below, { path: [], node: view.#top }];
  }

  static values(view: SendingView): Values {
    return view.#values;
  }

  static with(view: SendingView, values: Values): SendingView {
    return new SendingView(values, view.#below, view.#top);
  }
}
for (const [key, index] of indexes) Object.defineProperty(SendingView.prototype, key, { enumerable: true, get: SendingView.reader(index) });

/** The scopes that a record was made from, the top included, most specific first; undefined for what is no sending record. */
export function stepsOfSending(record: object): readonly Step[] | undefined {
  return record instanceof SendingView ? SendingView.steps(record) : undefined;
}

/** The same object for all records of equal values: what is worked out from values alone can be kept by it. */
export function contentOf(record: object): object {
  return record instanceof SendingView ? SendingView.values(record) : record;
}

/** A copy of a record in which some options have other values; also of a plain object. */
export function withOptions<R extends object>(record: R, other: Partial<R>): R {
  if (!(record instanceof SendingView)) return { ...record, ...other };
  const values = [...SendingView.values(record)];
  for (const [key, value] of Object.entries(other)) {
    const index = indexes.get(key);
    if (index !== undefined) values[index] = value as OptionValue | undefined;
  }
  return SendingView.with(record, values) as object as R;
}

/** What records are made of under one top: lists of values by what the scopes below say. */
export class SendingContents {
  readonly #lists: Lru<string, Values>;
  #top: ScopeNode | undefined;
  #topValues: Values = defaults;

  constructor(o: { readonly max: number }) {
    this.#lists = new Lru(o);
  }

  /** @param below scopes with own options, without the top, most specific first */
  record(below: readonly Step[], top: ScopeNode): SendingRecord {
    if (top !== this.#top) this.#begin(top);
    // The declarations that made the keys also made the type.
    return new SendingView(this.#valuesOf(below), below, top) as object as SendingRecord;
  }

  #begin(top: ScopeNode): void {
    this.#top = top;
    this.#lists.clear();
    this.#topValues = overlaid(defaults, ownOf([{ path: [], node: top }]));
  }

  #valuesOf(below: readonly Step[]): Values {
    const own = ownOf(below);
    if (own.size === 0) return this.#topValues;
    let content = '';
    for (const [index, value] of own) content += `${index}=${told(value)};`;
    let values = this.#lists.get(content);
    if (values === undefined) this.#lists.set(content, (values = overlaid(this.#topValues, own)));
    return values;
  }
}

/** Values along the steps by index (FB-01: each option by itself, the most specific scope first). */
function ownOf(steps: readonly Step[]): Map<number, OptionValue> {
  const own = new Map<number, OptionValue>();
  for (let at = steps.length - 1; at >= 0; at -= 1) {
    const step = steps[at];
    for (const option of step?.node?.options.values() ?? []) {
      const index = option.key === step?.ignores ? undefined : indexes.get(option.key);
      if (index !== undefined) own.set(index, option.value);
    }
  }
  return own;
}

function overlaid(under: Values, own: ReadonlyMap<number, OptionValue>): Values {
  const values = [...under];
  for (const [index, value] of own) values[index] = value;
  return Object.freeze(values);
}

/** Equal for equal values only: a text says how long it is. */
function told(value: OptionValue): string {
  if (typeof value === 'string') return `${value.length}:${value}`;
  if (typeof value !== 'object') return String(value);
  const text = JSON.stringify(value instanceof Map ? [...value] : value, (_key, part: unknown) =>
    typeof part === 'number' ? String(part) : part,
  );
  return `${value instanceof Map ? 'map' : 'object'}${text.length}:${text}`;
}
