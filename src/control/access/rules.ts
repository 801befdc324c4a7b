/*
 * What the configuration says of one console connection: whether it must prove who it is, by what, and whether its commands are held against roles.
 *
 * The one rule: nobody commands a server unasked. A Unix socket is guarded by its permissions and by the kernel's word on who speaks (AUTH-09);
 * over TCP a connection is taken only where Enable_Authentication or Always_Allow says so (quirk), and passwords are shown in clear only on
 * loopback addresses, because there is no TLS here (AUTH-10). Always_Deny wins over everything (AUTH-07).
 * Not here: the conversation (conversation.ts), roles (roles.ts). Truth: AUTH-01, AUTH-07 to AUTH-10, AUTH-40, AUTH-44.
 */
import { isMechanism, MECHANISMS, mechanismProblem, parseMechanismSettings, type MechanismName, type MechanismSettings } from '#auth';
import type { IpAddress } from '#base';

type OptionRecord = Readonly<Record<string, unknown>>;

export interface AccessRules {
  /** Why nobody is let in; undefined when somebody may be. */
  readonly refusal: string | undefined;
  /** Taken as this user without a word: the kernel named it, or Always_Allow. */
  readonly user: string | undefined;
  readonly mechanisms: ReadonlyMap<MechanismName, MechanismSettings>;
  /** Commands need a role that allows them. */
  readonly isAuthorizing: boolean;
  /** `groups:///path` of AuthorizationParameters. */
  readonly groups: string | undefined;
  /** What happens on this connection is written to the acctlog without being asked for (AUTH-09). */
  readonly logsAlways: boolean;
}

const parametersOf: Readonly<Record<MechanismName, string>> = {
  LOGIN: 'authLoginParameters',
  PLAIN: 'authPlainParameters',
  'CRAM-MD5': 'authCramMd5Parameters',
  'DIGEST-MD5': 'authDigestMd5Parameters',
  'SCRAM-SHA-256': 'authScramSha256Parameters',
};

/** `from`: the operating system's user on a Unix socket, or the address of a TCP client. */
export function accessRules(o: OptionRecord, from: { readonly local: string } | { readonly ip: IpAddress }): AccessRules {
  const isLocal = 'local' in from;
  const mechanisms = isLocal ? new Map<MechanismName, MechanismSettings>() : mechanismsFor(o, from.ip);
  const common = {
    mechanisms,
    isAuthorizing: o['enableAuthorization'] === true,
    groups: groupsOf(o),
    logsAlways: isLocal,
  };
  if (o['alwaysDeny'] === true) return { ...common, refusal: 'Always_Deny is set for this listener', user: undefined };
  if (isLocal) return { ...common, refusal: undefined, user: from.local };
  if (o['alwaysAllow'] === true) return { ...common, refusal: undefined, user: 'anonymous' };
  if (o['enableAuthentication'] !== true)
    return {
      ...common,
      refusal: 'over TCP the console needs Enable_Authentication = true, with the parameters of a mechanism',
      user: undefined,
    };
  if (mechanisms.size === 0)
    return {
      ...common,
      refusal: 'no mechanism of authentication can be used from this address (PLAIN and LOGIN only on loopback)',
      user: undefined,
    };
  return { ...common, refusal: undefined, user: undefined };
}

/** What is wrong with the settings of a listener, as a sentence. */
export function accessProblem(o: OptionRecord): string | undefined {
  for (const name of MECHANISMS) {
    const settings = settingsOf(o, name);
    const problem = settings === undefined ? undefined : mechanismProblem(name, settings);
    if (problem !== undefined) return `${name}: ${problem}`;
  }
  const uri = uriOf(o['authorizationParameters']);
  if (uri !== undefined && !/^groups:\/\/\/.+/i.test(uri))
    return `AuthorizationParameters: uri "${uri}" cannot be used; expected groups:///path`;
  return undefined;
}

function mechanismsFor(o: OptionRecord, ip: IpAddress): Map<MechanismName, MechanismSettings> {
  const found = new Map<MechanismName, MechanismSettings>();
  for (const name of MECHANISMS) {
    if (!isMechanism(name) || ((name === 'PLAIN' || name === 'LOGIN') && !isLoopback(ip))) continue;
    const settings = settingsOf(o, name);
    if (settings !== undefined) found.set(name, settings);
  }
  return found;
}

function settingsOf(o: OptionRecord, name: MechanismName): MechanismSettings | undefined {
  const dictionary = o[parametersOf[name]];
  return dictionary instanceof Map ? parseMechanismSettings(dictionary as ReadonlyMap<string, unknown>) : undefined;
}

function groupsOf(o: OptionRecord): string | undefined {
  return /^groups:\/\/(\/.+)$/i.exec(uriOf(o['authorizationParameters']) ?? '')?.[1];
}

function uriOf(dictionary: unknown): string | undefined {
  if (!(dictionary instanceof Map)) return undefined;
  for (const [key, value] of dictionary as ReadonlyMap<string, unknown>) if (key.toLowerCase() === 'uri') return String(value);
  return undefined;
}

function isLoopback(ip: IpAddress): boolean {
  return ip.family === 4 ? ip.bytes[0] === 127 : ip.text === '::1' || ip.text.startsWith('::ffff:127.');
}
