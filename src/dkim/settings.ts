/**
 * From the options of a signing module to what a signer knows: values checked, a domain's scope laid over the module's.
 *
 * The one rule: what cannot sign as written is an Error that names the option, so that the configuration is refused; nothing is corrected in silence.
 * How a list of headers is written is the module's own matter and handed in. Truth: the pages of dkim_sign and opendkim.
 */
import { asciiName, identityFor, type HeaderRule } from './plan.ts';
import type { DomainSigning, SignerSettings } from './signer.ts';

export type OptionValues = Readonly<Record<string, unknown>>;

export interface SigningStanza {
  readonly name: string;
  readonly options: OptionValues;
  /** What the scopes of domains set themselves. */
  readonly domains: readonly { readonly domain: string; readonly options: OptionValues }[];
}

/** @param rules the header rules of one scope's options; throws an Error for a list that is none */
export function signerSettings(stanza: SigningStanza, rules: (values: OptionValues) => readonly HeaderRule[]): SignerSettings {
  const { name, options } = stanza;
  const domains = stanza.domains.map(({ domain, options: own }) => {
    const all = { ...options, ...own };
    const signing = signingOf(all, rules(all), `${name}, domain "${domain}"`);
    if (signing.selector === undefined) throw new Error(`${name}: domain "${domain}" has no Selector, so its mail could not be signed`);
    const signer = signing.baseDomain ?? asciiName(domain);
    // One of the module's own, which others inherit, is left out where it does not fit (signer.ts).
    if (typeof own['identity'] === 'string' && signing.identity !== undefined && identityFor(signer, signing.identity) === undefined)
      throw new Error(
        `${name}, domain "${domain}": cannot use "${signing.identity}" as Identity: expected an address of ${signer} or of a name below it, such as "@${signer}"`,
      );
    if (signing.key === undefined) throw new Error(`${name}: domain "${domain}" has no Key, so its mail could not be signed`);
    return [asciiName(domain), signing] as const;
  });
  return { name, defaults: signingOf({ ...options, baseDomain: undefined }, rules(options), name), domains: new Map(domains) };
}

function signingOf(values: OptionValues, headers: readonly HeaderRule[], where: string): DomainSigning {
  const text = (key: string): string | undefined => {
    const value = values[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const tag = (key: string): string | undefined => {
    const value = text(key);
    if (value !== undefined && !/^[A-Za-z0-9._-]{1,255}$/.test(value))
      throw new Error(
        `${where}: cannot use "${value}" as ${key === 'selector' ? 'Selector' : 'Base_Domain'}: expected letters, digits, "-", "_" and "."`,
      );
    return value;
  };
  return {
    baseDomain: tag('baseDomain')?.toLowerCase(),
    selector: tag('selector'),
    key: text('key'),
    digest: values['digest'] === 'rsa-sha1' ? 'rsa-sha1' : 'rsa-sha256',
    headerCanonicalization: values['headerCanon'] === 'relaxed' ? 'relaxed' : 'simple',
    bodyCanonicalization: values['bodyCanon'] === 'relaxed' ? 'relaxed' : 'simple',
    headers,
    identity: text('identity'),
    lifetimeSeconds: typeof values['lifetime'] === 'number' ? values['lifetime'] * 3600 : 0,
    hasBodyLength: values['bodyLengthLimit'] === true,
    copiesHeaders: values['copyHeaders'] === true,
    condition: text('signCondition'),
  };
}

export interface KeyCacheSettings {
  readonly size: number;
  readonly foundSeconds: number;
  readonly missingSeconds: number;
}

/** How long keys of a module are kept. */
export function keyCacheSettings(values: OptionValues): KeyCacheSettings {
  const number = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
  return {
    size: number(values['keycacheSize'], 2048),
    foundSeconds: number(values['posKeycacheTtl'], 300),
    missingSeconds: number(values['negKeycacheTtl'], 3600),
  };
}
