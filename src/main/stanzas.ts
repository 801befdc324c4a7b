/*
 * The listeners of a configuration as their rooms want them: ESMTP and control sockets with the options of each Listen.
 *
 * The one rule: values come from the resolver, so that Listen, listener and pathway fall back as documented (FB-07).
 * Not here: opening sockets (inbound, control-listener.ts).
 */
import { parseIp } from '#base';
import { childrenNamed, type ListeningRecord, type Resolver } from '#config';
import type { ListenStanza } from '#inbound';
import { serves, type LoopPlan } from './event-loops.ts';

const UNSPECIFIED = parseIp('0.0.0.0');

function listensOf(resolver: Resolver, listener: string): string[] {
  return childrenNamed(resolver.snapshot.root, listener).flatMap((node) =>
    childrenNamed(node, 'Listen').map((listen) => listen.instance ?? ''),
  );
}

export function recordOf(resolver: Resolver, listener: string, listen: string): ListeningRecord {
  return resolver.listening({ listener, listen });
}

function stanzaOf(resolver: Resolver, listener: string, address: string): ListenStanza {
  const o = recordOf(resolver, listener, address);
  return {
    address,
    enable: o.enable,
    backlog: o.listenBacklog,
    fileMode: o.fileMode,
    // The documented default, 4096 bytes, would cost most of the speed: only a value that somebody set is applied.
    ...(isSet(resolver, o, 'tcpRecvBufferSize') ? { recvBuffer: o.tcpRecvBufferSize } : {}),
    ...(isSet(resolver, o, 'tcpSendBufferSize') ? { sendBuffer: o.tcpSendBufferSize } : {}),
  };
}

function isSet(resolver: Resolver, record: ListeningRecord, key: keyof ListeningRecord): boolean {
  return resolver.definition(record, key) !== undefined;
}

/** The ESMTP sockets, in the order of the text; for one loop, enabled where that loop serves them. */
export function esmtpStanzas(resolver: Resolver, at?: { readonly plan: LoopPlan; readonly loop: number }): ListenStanza[] {
  const stanzas = listensOf(resolver, 'ESMTP_Listener').map((address) => stanzaOf(resolver, 'esmtp_listener', address));
  if (at === undefined) return stanzas;
  return stanzas.map((stanza) => {
    const { eventLoop } = recordOf(resolver, 'esmtp_listener', stanza.address);
    // Any address will do: the search tree of the Peer blocks is made now, and not while the first client waits.
    resolver.listening({ listener: 'esmtp_listener', listen: stanza.address, ip: UNSPECIFIED });
    return { ...stanza, enable: stanza.enable && serves(at.plan, at.loop, { address: stanza.address, eventLoop }) };
  });
}

/** The control sockets. */
export function controlStanzas(resolver: Resolver): ListenStanza[] {
  return listensOf(resolver, 'Control_Listener').map((address) => stanzaOf(resolver, 'control_listener', address));
}
