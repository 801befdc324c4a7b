/**
 * What the configuration says about authentication of clients: mechanisms with their back ends, and the words that decide by themselves.
 *
 * The one rule: a mechanism is offered when SMTP_Extensions lists it and its parameters name a back end; Always_Deny wins over everything
 * else (AUTH-07). `Enable_Authentication` and `Always_Deny` are about sending mail at all: who has no right hears so at MAIL FROM.
 * Not here: mechanisms and back ends (#auth). Truth: rules AUTH-01, AUTH-02, AUTH-06 to AUTH-08.
 */
import { isMechanism, mechanismProblem, parseMechanismSettings, type MechanismName, type MechanismSettings } from '#auth';
import type { OptionRecord } from './session-rules.ts';

export interface AuthRules {
  /** In the order in which they are listed. Without settings where Always_Allow takes whoever comes. */
  readonly mechanisms: ReadonlyMap<MechanismName, MechanismSettings | undefined>;
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

export function authRulesFrom(o: OptionRecord, extensions: readonly string[]): AuthRules {
  const alwaysDeny = o['alwaysDeny'] === true;
  const alwaysAllow = o['alwaysAllow'] === true && !alwaysDeny;
  const mechanisms = new Map<MechanismName, MechanismSettings | undefined>();
  for (const word of extensions) {
    const name = /^AUTH[ =](\S+)$/.exec(word)?.[1] ?? '';
    if (!isMechanism(name)) continue;
    const settings = settingsOf(o, name);
    if (settings !== undefined || alwaysAllow) mechanisms.set(name, settings);
  }
  return { mechanisms, alwaysAllow, alwaysDeny, isRequired: o['enableAuthentication'] === true, needsTls: o['authRequiresTls'] === true };
}

/** What is wrong with the parameters of a listener, as a sentence; mechanisms that are not listed count too. */
export function authProblem(o: OptionRecord): string | undefined {
  for (const [name, { name: option }] of Object.entries(parametersOf)) {
    if (!isMechanism(name)) continue;
    const settings = settingsOf(o, name);
    const problem = settings === undefined ? undefined : mechanismProblem(name, settings);
    if (problem !== undefined) return `${option}: ${problem}`;
  }
  return undefined;
}

function settingsOf(o: OptionRecord, name: MechanismName): MechanismSettings | undefined {
  const dictionary = o[parametersOf[name].key];
  return dictionary instanceof Map ? parseMechanismSettings(dictionary as ReadonlyMap<string, unknown>) : undefined;
}
