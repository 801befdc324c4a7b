/**
 * Sockets: listening, accepting, and connections with back-pressure and clocks.
 *
 * The one rule: this room knows bytes and turns of the event loop, never a protocol.
 * Not here: which stanzas there are (config), what is said (inbound, outbound, control).
 */
export { tlsFactsOf } from './tls-facts.ts';
export { Connection, HANDSHAKE_MS, LINGER_MS, OUTPUT_HIGH_BYTES, WRITE_STALL_MS } from './connection.ts';
export type { CloseReason, ConnectionOptions, ConnectionOwner } from './connection.ts';
export { NET_ERRORS, NetError } from './errors.ts';
export type { NetErrorCode } from './errors.ts';
export { ACCEPT_REST_MS, BACKLOG_DEFAULT, DESCRIPTORS_RESERVE, DRAIN_TURNS_MAX, Listener } from './listener.ts';
export type { ListenAddress, ListenerOptions } from './listener.ts';
export { SharedReads } from './shared-reads.ts';
export { TicketSecret } from './ticket-secret.ts';
export { makeTlsContext, TlsContexts, TlsError } from './tls-contexts.ts';
export type { TlsContext, TlsSettings, TlsVerifyMode } from './tls-contexts.ts';
export type { TlsFacts } from './tls-facts.ts';
export { claimPath, FILE_MODE_DEFAULT, neighbourOf, removeIfSame, settlePath } from './unix-path.ts';
export { parseProxyHeader } from './proxy-header.ts';
export type { ProxyAddress, ProxyHeader } from './proxy-header.ts';
