/**
 * The room outbound: takes mail that is due from the queue, finds its way, and speaks SMTP to the next hop.
 *
 * The one rule: every delivery taken comes back to its queue once, with a result per recipient or released; what follows is the queue's.
 * Not here: waiting and retries (queue), names (dns), the language (smtp). Truth: rules OUT-*, SHP-*, Q-07, Q-08, Q-12 to Q-14.
 */
export { Deliverer, type ConnectionLine, type DelivererOptions } from './deliverer.ts';
export type { ConnectPort, Dial, DnsPort, GlobalSendingOptions, MailHost, HostLimit, MailPlan, PolicyPort, ShapingPort } from './ports.ts';
export type { TracedLines, TracerWish } from './session/trace.ts';
export { OutboundTls, type OutboundTlsOptions, type TlsPort } from './session/tls.ts';
export type { Cause, Standing } from './standing.ts';
export type { Hop, WayView } from './way.ts';
export { tcpConnect } from './tcp-connect.ts';
