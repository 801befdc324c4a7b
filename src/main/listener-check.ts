/*
 * What listeners need before they are put into force: certificates and keys from the disk, back ends of authentication that exist here.
 *
 * The one rule: it is asked by each loop when it starts and when a configuration is prepared, as the user that the server runs as; the
 * first thing that cannot be had refuses the whole, with option and file (TLSI-01).
 * Not here: reading them (net), using them (inbound).
 */
import { parseCidr } from '#base';
import { childrenNamed, type ListeningRecord, type Resolver, type ScopeNode } from '#config';
import { authNotices, authProblem, extensionName, extensionWords, listedExtensions, sessionRulesOf } from '#inbound';
import { makeTlsContext } from '#net';

/** Options that make a Peer's listener needs differ from those of its Listen. */
const ownKeys: ReadonlySet<string> = new Set([
  'pathway',
  'useSsl',
  'tlsCertificate',
  'tlsKey',
  'tlsClientCa',
  'tlsCiphers',
  'tlsProtocols',
  'tlsSniCertificates',
  'authDigestMd5Parameters',
]);

/** Why a listener cannot work as configured; undefined when all can. */
export function listenerProblem(resolver: Resolver): string | undefined {
  const seen = new Set<string>();
  for (const { record, where } of listeningRecords(resolver)) {
    const options = record as unknown as Readonly<Record<string, unknown>>;
    const unusable = authProblem(options);
    if (unusable !== undefined) return `Cannot authenticate on ${where}: ${unusable}`;
    const { tls } = sessionRulesOf(options);
    if (tls.useSsl && tls.settings === undefined) return `Cannot listen on ${where}: Use_SSL needs TLS_Certificate`;
    const key = JSON.stringify(tls.settings ?? '');
    if (tls.settings === undefined || seen.has(key)) continue;
    seen.add(key);
    try {
      makeTlsContext({ ...tls.settings, dhParams: dhParamsOf(resolver) });
    } catch (error) {
      return `Cannot use TLS on ${where}: ${(error as Error).message}`;
    }
  }
  return undefined;
}

/** What listeners list and will not offer, a sentence each, with the first listener that it is true of. */
export function listenerNotices(resolver: Resolver): string[] {
  // A policy file may judge tokens; whether it does shows only when it is loaded.
  const hasVerifier = childrenNamed(resolver.snapshot.root, 'policy').length > 0;
  const notices = new Map<string, string>();
  for (const { record, where } of listeningRecords(resolver)) {
    const options = record as unknown as Readonly<Record<string, unknown>>;
    const extensions = listedExtensions(options);
    const found = authNotices(options, extensions, hasVerifier);
    if (extensions.includes('STARTTLS') && sessionRulesOf(options).tls.settings === undefined)
      found.push('STARTTLS is not offered: TLS_Certificate names no file');
    for (const text of found) if (!notices.has(text)) notices.set(text, `${where}: ${text}`);
  }
  return [...notices.values()];
}

/** The parameters of DHE ciphers, where they are allowed at all. */
export function dhParamsOf(resolver: Resolver): string | undefined {
  const { tlsDhparamsFile, tlsEnableDheCiphers } = resolver.global();
  return tlsEnableDheCiphers && tlsDhparamsFile !== '' ? tlsDhparamsFile : undefined;
}

function* listeningRecords(resolver: Resolver): Generator<{ record: ListeningRecord; where: string }> {
  for (const listener of childrenNamed(resolver.snapshot.root, 'ESMTP_Listener')) {
    const outer = peersOf(listener);
    for (const listen of childrenNamed(listener, 'Listen')) {
      const address = listen.instance ?? '';
      const at = { listener: 'esmtp_listener', listen: address };
      const record = resolver.listening(at);
      if (!record.enable) continue;
      yield { record, where: `"${address}"` };
      for (const peer of new Set([...outer, ...peersOf(listen)])) {
        const ip = parseCidr(peer)?.ip;
        if (ip !== undefined) yield { record: resolver.listening({ ...at, ip }), where: `"${address}" for Peer "${peer}"` };
      }
    }
  }
}

function peersOf(node: ScopeNode): string[] {
  return childrenNamed(node, 'Peer')
    .filter((peer) => [...peer.options.values()].some((option) => ownKeys.has(option.key)))
    .map((peer) => peer.instance ?? '');
}

/** Whether any SMTP_Extensions of the configuration in force lists a word; gathered anew when the configuration changed (EXT-01). */
export function offeredElsewhere(resolver: Resolver): (word: string) => boolean {
  let version = -1;
  let words = new Set<string>();
  return (word) => {
    if (version !== resolver.version) {
      version = resolver.version;
      words = new Set();
      gatherExtensions(resolver.snapshot.root, words);
    }
    return words.has(word);
  };
}

/** Scopes that may list extensions, or hold one that may; the many others are for sending. */
const receiving = ['ESMTP_Listener', 'Listen', 'Peer', 'Pathway_Group', 'Pathway'];

function gatherExtensions(node: ScopeNode, words: Set<string>): void {
  for (const { key, value } of node.options.values()) {
    if (key === 'extension') words.add(extensionName(extensionWords([String(value)])[0] ?? ''));
    if (key !== 'smtpExtensions' || !Array.isArray(value)) continue;
    for (const word of extensionWords(value as readonly string[])) words.add(extensionName(word));
  }
  for (const scope of receiving) for (const child of childrenNamed(node, scope)) gatherExtensions(child, words);
}
