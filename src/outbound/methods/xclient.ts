/**
 * XCLIENT towards the next hop: tells it, before each message, from whom we had that message.
 *
 * The one rule: only attributes that the server listed are named, and what we do not know is [UNAVAILABLE], never our own; a value is xtext, so
 * that nothing a client said of itself can begin a second command. Bound: LINE_MAX octets; a name that would pass it is unavailable.
 * Not here: when it is said and what a refusal means (session/transaction.ts). Truth: rule OUT-45; Postfix's XCLIENT_README.
 */
import type { Batch } from '#queue';
import { encodeXtext } from '#smtp';

const LINE_MAX = 512;
const UNAVAILABLE = '[UNAVAILABLE]';

/** The command, CRLF included. @param offered attribute names, upper case, as the server lists them */
export function xclientCommand(batch: Pick<Batch, 'origin'>, offered: readonly string[]): string {
  const { origin } = batch;
  const values: Readonly<Record<string, string>> = {
    NAME: UNAVAILABLE,
    ADDR: origin === undefined || origin.ip === '' ? UNAVAILABLE : origin.ip.includes(':') ? `IPV6:${origin.ip}` : origin.ip,
    PORT: origin === undefined || origin.port === 0 ? UNAVAILABLE : String(origin.port),
    PROTO: 'ESMTP',
    HELO: origin === undefined || origin.helo === '' ? UNAVAILABLE : encodeXtext(origin.helo),
  };
  const line = (all: Readonly<Record<string, string>>): string =>
    `XCLIENT${Object.entries(all)
      .filter(([name]) => offered.includes(name))
      .map(([name, value]) => ` ${name}=${value}`)
      .join('')}\r\n`;
  const whole = line(values);
  return whole.length <= LINE_MAX ? whole : line({ ...values, HELO: UNAVAILABLE });
}
