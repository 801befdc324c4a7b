/**
 * Who signs a message, and with what: the rules that the modules dkim_sign and opendkim share.
 *
 * The one rule: a message is signed for the domain of its From (of the first author there), when that domain has a selector and a key, the condition of the
 * scope holds, and the scope of one of its recipients does not forbid it. Fields that others put on top of it are signed like those that came with it. What should be signed and cannot be (a missing key) goes out without; it is said once in
 * the log and counted. Each instance of a module puts one signature on.
 * Not here: options of modules, octets of a signature (signature-draft.ts). Truth: MOD-03; the pages of both modules and of signing_stats.
 */
import type { Clock } from '#base';
import { authorDomains, HeaderBlock } from '#mail';
import type { KeyCache } from './key-cache.ts';
import { MessageDigest, type DigestedMessage, type HashKind } from './message-digest.ts';
import { digestOf, identityFor, type Algorithm, type Canonicalization, type HeaderRule, type SigningPlan } from './plan.ts';
import { SignatureDraft } from './signature-draft.ts';
import type { PrivateKey } from './signature.ts';
import type { SigningThread } from './signing-thread.ts';

/** What a scope says: the module's own, or that of one domain with the module's as fallback. */
export interface DomainSigning {
  /** d= when it is not the domain of From itself. */
  readonly baseDomain: string | undefined;
  readonly selector: string | undefined;
  /** Path of the key, with %{d} and %{s}. */
  readonly key: string | undefined;
  readonly digest: 'rsa-sha256' | 'rsa-sha1';
  readonly headerCanonicalization: Canonicalization;
  readonly bodyCanonicalization: Canonicalization;
  readonly headers: readonly HeaderRule[];
  readonly identity: string | undefined;
  readonly lifetimeSeconds: number;
  readonly hasBodyLength: boolean;
  readonly copiesHeaders: boolean;
  /** The context key that must be there; undefined for none. */
  readonly condition: string | undefined;
}

export interface SignerSettings {
  /** As the log and statistics call it: `opendkim:one`. */
  readonly name: string;
  readonly defaults: DomainSigning;
  /** By domain in lower case. */
  readonly domains: ReadonlyMap<string, DomainSigning>;
}

interface SigningWish {
  readonly context: { get(key: string): string | undefined };
  /** Whether some recipient's scope signs. */
  readonly isOn: boolean;
  readonly binding: string;
  /** Fields that will stand above those that were appended. */
  readonly top: Buffer;
}

interface SigningTally {
  processed(domain: string, binding: string): void;
  signed(domain: string, binding: string, ms: number): void;
  failed(domain: string, binding: string): void;
}

export interface SignerPorts {
  readonly keys: KeyCache;
  readonly thread: Pick<SigningThread, 'sign'>;
  readonly clock: Pick<Clock, 'now' | 'mono'>;
  readonly tally: SigningTally;
  readonly log: (text: string) => void;
}

export class DkimSigner {
  readonly settings: SignerSettings;
  readonly #o: SignerPorts;
  readonly #allKinds: readonly HashKind[];

  constructor(settings: SignerSettings, o: SignerPorts) {
    this.settings = settings;
    this.#o = o;
    const kinds = [settings.defaults, ...settings.domains.values()].flatMap(hashKinds);
    this.#allKinds = [...new Map(kinds.map((kind) => [`${kind.digest} ${kind.canonicalization}`, kind])).values()];
  }

  begin(): DkimRun {
    return new DkimRun(this.settings, this.#o, this.#allKinds);
  }
}

interface Chosen {
  readonly from: string;
  readonly domain: string;
  readonly how: DomainSigning;
}

/** One message and one signature. */
export class DkimRun {
  readonly #settings: SignerSettings;
  readonly #o: SignerPorts;
  readonly #allKinds: readonly HashKind[];
  readonly #digest = new MessageDigest((header) => this.#kinds(header));
  #froms = 0;
  #chosen: Chosen | undefined;

  constructor(settings: SignerSettings, o: SignerPorts, allKinds: readonly HashKind[]) {
    this.#settings = settings;
    this.#o = o;
    this.#allKinds = allKinds;
  }

  append(chunk: Buffer): void {
    this.#digest.push(chunk);
  }

  /** `done` has the field, or '' for none. */
  finish(wish: SigningWish, done: (field: string) => void): void {
    const message = this.#digest.finish();
    const top = HeaderBlock.parse(wish.top);
    const chosen = this.#chosenWith(top);
    if (chosen === undefined) {
      done('');
      return;
    }
    const { how, domain } = chosen;
    const { tally } = this.#o;
    tally.processed(domain, wish.binding);
    if (!wish.isOn || (how.condition !== undefined && wish.context.get(how.condition) === undefined)) {
      done('');
      return;
    }
    const fail = (why: string): void => {
      tally.failed(domain, wish.binding);
      this.#o.log(`${this.#settings.name}: mail from ${chosen.from} is not signed for ${domain}: ${why}`);
      done('');
    };
    if (message === undefined) {
      fail('its header is no header, or too large');
      return;
    }
    const path = keyPath(how, domain);
    this.#o.keys.get(path, (answer) => {
      if ('problem' in answer) fail(`${path}: ${answer.problem}`);
      else this.#sign({ message, top, chosen, answer, binding: wish.binding }, { done, fail });
    });
  }

  #sign(
    o: { message: DigestedMessage; top: HeaderBlock; chosen: Chosen; answer: PrivateKey; binding: string },
    then: { done: (field: string) => void; fail: (why: string) => void },
  ): void {
    const { clock, thread, tally } = this.#o;
    const { how, domain } = o.chosen;
    const algorithm: Algorithm = o.answer.kind === 'ed25519' ? 'ed25519-sha256' : how.digest;
    // With i= of another domain it would be no signature; without i= it is one for the whole domain.
    const identity = how.identity === undefined ? undefined : identityFor(domain, how.identity);
    const plan: SigningPlan = { ...how, domain, identity, selector: how.selector as string, algorithm };
    const body = o.message.hash({ digest: digestOf(algorithm), canonicalization: how.bodyCanonicalization });
    const fields = o.top.fields.length === 0 ? o.message.header.fields : [...o.top.fields, ...o.message.header.fields];
    const draft = new SignatureDraft({ fields }, plan, { body, now: Math.floor(clock.now() / 1000) });
    const begun = clock.mono();
    thread.sign(draft.input, algorithm, o.answer.key, (signature) => {
      if (signature === '') {
        then.fail('the key could not be used');
        return;
      }
      tally.signed(domain, o.binding, clock.mono() - begun);
      then.done(draft.header(signature));
    });
  }

  /** How the body must be hashed; nothing when this is no mail of ours. Whose a message without From is, is known when all fields above it are. */
  #kinds(header: HeaderBlock): readonly HashKind[] {
    this.#froms = header.count('From');
    if (this.#froms === 0) return this.#allKinds;
    this.#chosen = this.#choose(header);
    return this.#chosen === undefined ? [] : hashKinds(this.#chosen.how);
  }

  /** A From on top of another makes two of them, and nobody the author. */
  #chosenWith(top: HeaderBlock): Chosen | undefined {
    const onTop = top.count('From');
    if (onTop === 0) return this.#chosen;
    return this.#froms === 0 ? this.#choose(top) : undefined;
  }

  #choose(header: HeaderBlock): Chosen | undefined {
    const from = fromDomain(header);
    const how = from === undefined ? undefined : signingFor(this.#settings, from);
    return from === undefined || how === undefined ? undefined : { from, domain: how.baseDomain ?? from, how };
  }
}

/** How mail from a domain is signed; undefined when it is not. A key of no domain's own would sign for whoever writes a From: that takes a scope that names it. */
export function signingFor({ domains, defaults }: SignerSettings, domain: string): DomainSigning | undefined {
  const own = domains.get(domain);
  const how = own ?? defaults;
  return how.selector === undefined || how.key === undefined || (own === undefined && !how.key.includes('%{d}')) ? undefined : how;
}

/** Whether the key is Ed25519, which goes with SHA-256 alone, is known when it is read. */
function hashKinds({ digest, bodyCanonicalization: canonicalization }: DomainSigning): readonly HashKind[] {
  const digests = digest === 'rsa-sha1' ? (['sha1', 'sha256'] as const) : (['sha256'] as const);
  return digests.map((name) => ({ digest: name, canonicalization }));
}

function keyPath(how: DomainSigning, domain: string): string {
  return (how.key as string).replaceAll('%{d}', domain).replaceAll('%{s}', how.selector as string);
}

const DOMAIN = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** The domain of the first author in the one From, in lower case and ASCII. Undefined when there is none, or several From, or it could not be a file's name. */
function fromDomain(header: HeaderBlock): string | undefined {
  const domains = authorDomains(header);
  const domain = typeof domains === 'string' ? undefined : domains[0];
  return domain !== undefined && DOMAIN.test(domain) && domain.length <= 255 ? domain : undefined;
}
