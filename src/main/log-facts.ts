/*
 * What loggers want to know of a message beyond what every record has: taken from its envelope once, carried by its records.
 *
 * The one rule: nothing is taken that no logger asked for; without such a logger every message shares one empty list. Headers that
 * are wanted are noted in the context of the message when it comes in (`#head:name`), so that they outlive a restart.
 * Bound: a value of a header is cut at headerValueMax. Not here: which logger wants what (the modules say so).
 */
import { childrenNamed, type Resolver, type Snapshot } from '#config';
import { HeaderBlock, type Envelope } from '#mail';

const NOTHING: readonly string[] = Object.freeze([]);
/** Characters of a header that go along with a message. */
const headerValueMax = 1024;

export class LogFacts {
  readonly #resolver: Resolver;
  readonly #wantedOf: (snapshot: Snapshot) => readonly string[];
  #version = -1;
  #wanted: readonly string[] = [];
  #headers: readonly string[] = [];
  #groupOfPathway = new Map<string, string>();

  constructor(resolver: Resolver, wantedOf: (snapshot: Snapshot) => readonly string[]) {
    this.#resolver = resolver;
    this.#wantedOf = wantedOf;
  }

  /** Key, value, key, value. */
  readonly of = (envelope: Envelope): readonly string[] => {
    this.#look();
    if (this.#wanted.length === 0) return NOTHING;
    const pairs: string[] = [];
    for (const key of this.#wanted) {
      const value = this.#value(envelope, key);
      if (value !== undefined && value !== '') pairs.push(key, value);
    }
    return pairs;
  };

  /** Notes headers that are wanted; `body` is the message as far as it is at hand. */
  readonly note = (body: Buffer | undefined, context: Record<string, string>): void => {
    this.#look();
    if (this.#headers.length === 0 || body === undefined) return;
    const block = HeaderBlock.parse(body);
    for (const name of this.#headers) {
      const value = block.find(name)?.trim();
      if (value !== undefined && value !== '') context[`#head:${name}`] = value.slice(0, headerValueMax);
    }
  };

  #look(): void {
    if (this.#version === this.#resolver.version) return;
    this.#version = this.#resolver.version;
    const { snapshot } = this.#resolver;
    this.#wanted = [...new Set(this.#wantedOf(snapshot))];
    this.#headers = this.#wanted.filter((key) => key.startsWith('head:')).map((key) => key.slice('head:'.length));
    this.#groupOfPathway = new Map(
      childrenNamed(snapshot.root, 'Pathway_Group').flatMap((group) =>
        childrenNamed(group, 'Pathway').map((pathway) => [pathway.instance ?? '', group.instance ?? ''] as const),
      ),
    );
  }

  #value(envelope: Envelope, key: string): string | undefined {
    const { contextConnection, contextMessage } = envelope;
    const colon = key.indexOf(':');
    if (colon > 0) {
      const name = key.slice(colon + 1);
      if (key.startsWith('conn:')) return contextConnection[name];
      return key.startsWith('mess:') ? contextMessage[name] : contextMessage[`#head:${name}`];
    }
    const pathway = envelope.pathway ?? contextConnection['pathway'] ?? 'default';
    switch (key) {
      case 'user':
        return contextConnection['auth_user'];
      case 'authMethod':
        return contextConnection['#auth_method'];
      case 'pathway':
        return pathway;
      case 'pathwayGroup':
        return this.#groupOfPathway.get(pathway) ?? 'default';
      case 'protocol':
        return envelope.protocol;
    }
    return undefined;
  }
}
