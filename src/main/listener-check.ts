/*
 * What listeners need from the disk before they are put into force: certificates and keys of every stanza that names some.
 *
 * The one rule: it is asked by each loop when it starts and when a configuration is prepared, as the user that the server runs as; the
 * first thing that cannot be had refuses the whole, with option and file (TLSI-01).
 * Not here: reading them (net), using them (inbound).
 */
import { parseCidr } from '#base';
import { childrenNamed, type ListeningRecord, type Resolver, type ScopeNode } from '#config';
import { sessionRulesOf } from '#inbound';
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
]);

/** Why a listener cannot work as configured; undefined when all can. */
export function listenerProblem(resolver: Resolver): string | undefined {
  const seen = new Set<string>();
  for (const { record, where } of listeningRecords(resolver)) {
    const { tls } = sessionRulesOf(record as unknown as Readonly<Record<string, unknown>>);
    if (tls.useSsl && tls.settings === undefined) return `Cannot listen on ${where}: Use_SSL needs TLS_Certificate`;
    const key = JSON.stringify(tls.settings ?? '');
    if (tls.settings === undefined || seen.has(key)) continue;
    seen.add(key);
    try {
      makeTlsContext(tls.settings);
    } catch (error) {
      return `Cannot use TLS on ${where}: ${(error as Error).message}`;
    }
  }
  return undefined;
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
