/**
 * What the configuration says about authentication of clients: mechanisms with their back ends, and the words that decide by themselves.
 *
 * The one rule: a mechanism is offered when SMTP_Extensions lists it and its parameters name a back end; Always_Deny wins over everything
 * else (AUTH-07). `Enable_Authentication` and `Always_Deny` are about sending mail at all: who has no right hears so at MAIL FROM.
 * Tokens need no back end but a module that judges them, and TLS whatever Auth_Requires_TLS says (RFC 7628 section 4).
 * Not here: mechanisms and back ends (#auth). Truth: rules AUTH-01, AUTH-02, AUTH-06 to AUTH-08.
 */
import {
  isBearer,
  isMechanism,
  mechanismProblem,
  parseMechanismSettings,
  type BearerName,
  type MechanismName,
  type MechanismSettings,
} from '#auth';
import type { CredentialScheme } from '#hooks';
import type { OptionRecord } from './option-record.ts';

export type SmtpMechanism = MechanismName | BearerName;

export interface AuthRules {
  /** In the order in which they are listed. Without settings where Always_Allow takes whoever comes. */
  readonly mechanisms: ReadonlyMap<MechanismName, MechanismSettings | undefined>;
  /** XOAUTH2 and OAUTHBEARER, as they are listed. */
  readonly bearers: readonly BearerName[];
  readonly alwaysAllow: boolean;
  readonly alwaysDeny: boolean;
  /** Enable_Authentication: nobody sends without, but those who may relay anyway. */
  readonly isRequired: boolean;
  /** Auth_Requires_TLS (ours): not offered, and not taken, in clear. */
  readonly needsTls: boolean;
}

const parametersOf: Readonly<Record<MechanismName, { readonly key: string; readonly name: string }>> = {
  LOGIN: { key: 'authLoginParameters', name: 'AuthLoginParameters' },
  PLAIN: { key: 'authPlainParameters', name: 'AuthPlainParameters' },
  'CRAM-MD5': { key: 'authCramMd5Parameters', name: 'AuthCramMD5Parameters' },
  'DIGEST-MD5': { key: 'authDigestMd5Parameters', name: 'AuthDigestMD5Parameters' },
  'SCRAM-SHA-256': { key: 'authScramSha256Parameters', name: 'AuthScramSHA256Parameters' },
};

/** The word of SMTP_Extensions that stands for Always_Allow (AUTH-08). */
const ALWAYS_ALLOW = 'ALWAYS-ALLOW';

export function authRulesFrom(o: OptionRecord, extensions: readonly string[]): AuthRules {
  const alwaysDeny = o['alwaysDeny'] === true;
  const alwaysAllow = (o['alwaysAllow'] === true || extensions.includes(ALWAYS_ALLOW)) && !alwaysDeny;
  const mechanisms = new Map<MechanismName, MechanismSettings | undefined>();
  for (const name of listed(extensions)) {
    if (!isMechanism(name)) continue;
    const settings = settingsOf(o, name);
    if (settings !== undefined || alwaysAllow) mechanisms.set(name, settings);
  }
  return {
    mechanisms,
    bearers: listed(extensions).filter(isBearer),
    alwaysAllow,
    alwaysDeny,
    isRequired: o['enableAuthentication'] === true,
    needsTls: o['authRequiresTls'] === true,
  };
}

/** What is wrong with the parameters of a listener, as a sentence; mechanisms that are not listed count too. */
export function authProblem(o: OptionRecord, schemes: readonly CredentialScheme[] = []): string | undefined {
  for (const [name, { name: option }] of Object.entries(parametersOf)) {
    if (!isMechanism(name)) continue;
    const settings = settingsOf(o, name);
    const problem = settings === undefined ? undefined : mechanismProblem(name, settings, schemes);
    if (problem !== undefined) return `${option}: ${problem}`;
  }
  return undefined;
}

/** Mechanisms that are listed and will not be offered, a sentence each. */
export function authNotices(o: OptionRecord, extensions: readonly string[], hasVerifier: boolean): string[] {
  const { mechanisms } = authRulesFrom(o, extensions);
  return listed(extensions).flatMap((name) => {
    if (isBearer(name)) return hasVerifier ? [] : [`"AUTH ${name}" is not offered: no module verifies tokens`];
    if (!isMechanism(name)) return [`"AUTH ${name}" is not offered: there is no such mechanism`];
    return mechanisms.has(name) ? [] : [`"AUTH ${name}" is not offered: ${parametersOf[name].name} names no uri`];
  });
}

function listed(extensions: readonly string[]): string[] {
  return extensions.flatMap((word) => /^AUTH[ =](\S+)$/.exec(word)?.[1] ?? []);
}

function settingsOf(o: OptionRecord, name: MechanismName): MechanismSettings | undefined {
  const dictionary = o[parametersOf[name].key];
  return dictionary instanceof Map ? parseMechanismSettings(dictionary as ReadonlyMap<string, unknown>) : undefined;
}
