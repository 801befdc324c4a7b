/**
 * mail_loop: messages that come round again are refused, and none is delivered to this machine's own addresses.
 *
 * The one rule: addresses of interfaces are read when the configuration is, not for each message. With `code = 250` nothing is
 * refused; a message with too many Received fields then says so in its connection context (`mail_loop_header_count`).
 * Not here: counting (inbound), planning (outbound). Truth: rule OUT-49, CTX-03.
 */
import { networkInterfaces } from 'node:os';
import { parseIp } from '#base';

export interface MailLoopSettings {
  readonly receivedMax: number;
  /** Undefined: nothing is refused. */
  readonly code: number | undefined;
  /** Canonical texts; undefined where use_ip is off. */
  readonly ownAddresses: ReadonlySet<string> | undefined;
}

export function mailLoopSettings(values: Readonly<Record<string, unknown>>): MailLoopSettings {
  const { maxReceivedHeaders, useIp, code } = values;
  const number = typeof code === 'number' ? code : 554;
  return {
    receivedMax: typeof maxReceivedHeaders === 'number' ? maxReceivedHeaders : 20,
    code: number < 400 ? undefined : number,
    ownAddresses: useIp === true && number >= 400 ? interfaceAddresses() : undefined,
  };
}

function interfaceAddresses(): ReadonlySet<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(addresses.flatMap(({ address }) => parseIp(address.replace(/%.*$/, ''))?.text ?? []));
}
