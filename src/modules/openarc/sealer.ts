/**
 * The sealer: a set of ours on top of the chain of a message that openarc has checked, when it leaves.
 *
 * The one rule: it comes last, so that what it signs and tells is what goes out, our signatures of DKIM included. What was not checked (`arc_cv` is not
 * there) is not sealed. `arc_seal` is `ok`, or `skip` where a chain takes no more sets; it stays unset, with a line in the log, when a key fails; the mail goes on.
 * Keys work in the thread of signatures, twice for each set. Not here: what a set is (trust). Truth: the module's page, its sign; RFC 8617 section 5.1.
 */
import {
  headerNames,
  MessageDigest,
  namedRules,
  SignatureDraft,
  type Canonicalization,
  type DigestedMessage,
  type HeaderRule,
  type SignerPorts,
  type SigningPlan,
} from '#dkim';
import type { SigningView } from '#hooks';
import { HeaderBlock } from '#mail';
import { arcResultsField, placeOfSeal, SealDraft, type SealPlace } from '#trust';

export interface SealingSettings {
  readonly domain: string;
  readonly selector: string;
  readonly keyfile: string;
  /** Undefined: our own name, as the checks have it. */
  readonly authservId: string | undefined;
  readonly bodyCanonicalization: Canonicalization;
  readonly headers: readonly HeaderRule[];
  /** The context key that must be there; undefined for none. */
  readonly condition: string | undefined;
}

/** What no hop signs: the chain is the seals' matter, and results are taken away on the way (RFC 8617 section 4.1.2). */
const NEVER_SIGNED = /^(?:arc-.*|authentication-results)$/i;

/** Undefined for a stanza that only checks. Throws an Error that names the option to correct. */
export function sealingSettings(options: Readonly<Record<string, unknown>>): SealingSettings | undefined {
  const text = (key: string): string | undefined => {
    const value = options[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const given = { Signing_Domain: text('signingDomain'), Selector: text('selector'), Keyfile: text('keyfile') };
  const missing = Object.entries(given).filter(([, value]) => value === undefined);
  if (missing.length === Object.keys(given).length) return undefined;
  if (missing.length > 0)
    throw new Error(`openarc: to seal takes Signing_Domain, Selector and Keyfile, and there is no ${missing[0]?.[0]}`);
  for (const name of ['Signing_Domain', 'Selector'] as const)
    if (!/^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9_])?$/.test(given[name] ?? ''))
      throw new Error(`openarc: cannot use "${given[name]}" as ${name}: expected letters, digits, "-", "_" and "."`);
  const authservId = text('authservid');
  if (authservId !== undefined && !/^[A-Za-z0-9._-]{1,255}$/.test(authservId))
    throw new Error(`openarc: cannot use "${authservId}" as Authservid: expected the name of a host`);
  return {
    domain: (given.Signing_Domain as string).toLowerCase(),
    selector: given.Selector as string,
    keyfile: given.Keyfile as string,
    authservId,
    bodyCanonicalization: options['bodyCanon'] === 'simple' ? 'simple' : 'relaxed',
    headers: rulesOf(headerNames(options['headerlist']), headerNames(options['oversignHeaderlist'])),
    condition: text('signCondition'),
  };
}

function rulesOf(names: readonly string[] | undefined, oversigned: readonly string[] = []): readonly HeaderRule[] {
  const never = [...(names ?? []), ...oversigned].find((name) => NEVER_SIGNED.test(name));
  if (never !== undefined)
    throw new Error(`openarc: "${never}" in a list of headers: the fields of a chain and results of checks are not signed`);
  const rules = namedRules({ names, skipped: [], oversigned });
  if (rules === undefined) throw new Error('openarc: a list of headers holds what is no name of a header');
  return names === undefined ? [...rules, { name: 'DKIM-Signature', key: 'dkim-signature', isEvery: true, asserts: 'never' }] : rules;
}

export class ArcSealer {
  readonly settings: SealingSettings;
  readonly #o: SignerPorts;

  constructor(settings: SealingSettings, o: SignerPorts) {
    this.settings = settings;
    this.#o = o;
  }

  begin(): SealRun {
    return new SealRun(this.settings, this.#o);
  }
}

interface Plan {
  readonly place: SealPlace;
  readonly message: DigestedMessage;
  readonly header: Pick<HeaderBlock, 'fields'>;
  readonly view: SigningView;
}

/** One message. */
class SealRun {
  readonly #settings: SealingSettings;
  readonly #o: SignerPorts;
  readonly #digest: MessageDigest;

  constructor(settings: SealingSettings, o: SignerPorts) {
    this.#settings = settings;
    this.#o = o;
    this.#digest = new MessageDigest(() => [{ digest: 'sha256', canonicalization: settings.bodyCanonicalization }]);
  }

  append(chunk: Buffer): void {
    this.#digest.push(chunk);
  }

  /** @param above signatures and marks that will stand on top, in latin1  @param done has the fields of the set, or '' for none */
  finish(view: SigningView, above: string, done: (fields: string) => void): void {
    const message = this.#digest.finish();
    const { condition } = this.#settings;
    const { context } = view;
    const verdict = context.message.get('arc_cv');
    const isMeant = condition === undefined || (context.message.get(condition) ?? context.connection.get(condition)) !== undefined;
    if (verdict === undefined || !isMeant || context.isBypassed('openarc')) {
      done('');
      return;
    }
    this.#o.tally.processed(this.#settings.domain, bindingOf(view));
    if (message === undefined) {
      this.#fail(view, 'its header is no header, or too large', done);
      return;
    }
    const ours = HeaderBlock.parse(Buffer.concat([Buffer.from(above, 'latin1'), view.top]));
    const header = { fields: [...ours.fields, ...message.header.fields] };
    const place = placeOfSeal(header.fields, verdict);
    if (typeof place === 'string') {
      context.setMessage('arc_seal', 'skip');
      done('');
      return;
    }
    this.#seal({ place, message, header, view }, done);
  }

  #fail(view: SigningView, why: string, done: (fields: string) => void): void {
    this.#o.tally.failed(this.#settings.domain, bindingOf(view));
    this.#o.log(`openarc: message ${view.batchId} is not sealed: ${why}`);
    done('');
  }

  #seal({ place, message, header, view }: Plan, done: (fields: string) => void): void {
    const { keys, thread, clock, tally } = this.#o;
    const { domain, selector, keyfile, authservId, bodyCanonicalization, headers } = this.#settings;
    keys.get(keyfile, (answer) => {
      if ('problem' in answer) {
        this.#fail(view, `${keyfile}: ${answer.problem}`, done);
        return;
      }
      const { key, kind } = answer;
      const now = Math.floor(clock.now() / 1000);
      const own = view.localName;
      const results = arcResultsField(header.fields, { own, authservId: authservId ?? (own === '' ? domain : own), place });
      const plan: SigningPlan = {
        instance: place.instance,
        domain,
        selector,
        algorithm: kind === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256',
        headerCanonicalization: 'relaxed',
        bodyCanonicalization,
        headers,
        identity: undefined,
        lifetimeSeconds: 0,
        hasBodyLength: false,
        copiesHeaders: false,
      };
      const body = message.hash({ digest: 'sha256', canonicalization: bodyCanonicalization });
      const draft = new SignatureDraft(header, plan, { body, now });
      const begun = clock.mono();
      thread.sign(draft.input, plan.algorithm, key, (signed) => {
        const fields = { results, message: draft.header(signed) };
        const seal = new SealDraft(place, fields, { ...plan, now });
        if (signed === '') {
          this.#fail(view, 'the key could not be used', done);
          return;
        }
        thread.sign(seal.input, plan.algorithm, key, (sealed) => {
          if (sealed === '') {
            this.#fail(view, 'the key could not be used', done);
            return;
          }
          tally.signed(domain, bindingOf(view), clock.mono() - begun);
          view.context.setMessage('arc_seal', 'ok');
          done(seal.header(sealed) + fields.message + results);
        });
      });
    });
  }
}

function bindingOf({ recipients }: SigningView): string {
  return recipients[0]?.binding ?? '';
}
