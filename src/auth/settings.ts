/**
 * The parameters dictionary of a mechanism (AuthLoginParameters and its like), read and checked.
 *
 * The one rule: a uri whose scheme is not here, or cannot serve the mechanism, is said when the configuration is read: a back end that
 * does not exist must not look like one that refuses. Keys are compared without case.
 * Truth: rules AUTH-01, AUTH-03, AUTH-04.
 */
import type { CredentialScheme } from '#hooks';

export const MECHANISMS = ['LOGIN', 'PLAIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-256'] as const;
export type MechanismName = (typeof MECHANISMS)[number];

export interface MechanismSettings {
  readonly uri: string;
  /** DIGEST-MD5 and digest:// files; the host's name where it is absent. */
  readonly realm: string | undefined;
  /** DIGEST-MD5: the back end has clear passwords, not hashes. */
  readonly storedCleartext: boolean;
  readonly logs: boolean;
}

export function isMechanism(name: string): name is MechanismName {
  return (MECHANISMS as readonly string[]).includes(name);
}

/** Undefined when no uri is given: the mechanism then has no back end. */
export function parseMechanismSettings(dictionary: ReadonlyMap<string, unknown>): MechanismSettings | undefined {
  const words = new Map([...dictionary].map(([key, value]) => [key.toLowerCase(), String(value)]));
  const uri = words.get('uri');
  if (uri === undefined || uri === '') return undefined;
  const realm = words.get('realm');
  return {
    uri,
    realm: realm === '' ? undefined : realm,
    storedCleartext: isYes(words.get('stored_cleartext')),
    logs: isYes(words.get('log_authentication')),
  };
}

/** What is wrong with settings for a mechanism, as the end of a sentence. */
export function mechanismProblem(
  name: MechanismName,
  settings: MechanismSettings,
  schemes: readonly CredentialScheme[] = [],
): string | undefined {
  const { uri } = settings;
  const scheme = schemeOf(uri, schemes);
  if (scheme !== undefined) {
    const opened = scheme.open(uri);
    return typeof opened === 'string' ? `uri "${uri}": ${opened}` : undefined;
  }
  const place = placeOf(uri);
  if (place === undefined) return `uri "${uri}" cannot be used; expected file:///path or digest:///path`;
  if (place.kind === 'digest' && (name === 'CRAM-MD5' || name === 'SCRAM-SHA-256')) {
    return `uri "${uri}" holds hashes, and ${name} needs clear passwords: expected file:///path`;
  }
  if (place.kind === 'digest' && settings.storedCleartext) return `uri "${uri}" holds hashes, and stored_cleartext says that it does not`;
  return undefined;
}

/** The module's scheme that a uri names. */
export function schemeOf(uri: string, schemes: readonly CredentialScheme[]): CredentialScheme | undefined {
  const word = /^([a-z][a-z0-9+._-]*):\/\//i.exec(uri)?.[1]?.toLowerCase();
  return word === undefined ? undefined : schemes.find(({ scheme }) => scheme === word);
}

export function placeOf(uri: string): { readonly kind: 'file' | 'digest'; readonly path: string } | undefined {
  const match = /^(file|digest):\/\/(\/.+)$/i.exec(uri);
  if (match === null) return undefined;
  return { kind: match[1]?.toLowerCase() === 'digest' ? 'digest' : 'file', path: match[2] ?? '' };
}

function isYes(word: string | undefined): boolean {
  return word !== undefined && ['true', 'on', 'enabled', 'yes', '1'].includes(word.toLowerCase());
}
