/**
 * tls_rpt: its stanza makes the server count how TLS went, and says in whose name the reports are.
 *
 * The one rule: without the stanza nothing is counted, kept or sent.
 * Not here: counting and reports (policies), files and mail (main). Truth: RFC 8460.
 */
import { isPrintableAddress, parseMailbox } from '#mail';

const DELAY_MAX = 72_000;

export interface TlsReportSettings {
  /** undefined: the name of the host. */
  readonly organization: string | undefined;
  readonly contact: string;
  readonly from: string;
  readonly fromDomain: string;
  readonly binding: string | undefined;
  readonly delayMaxMs: number;
  readonly storeFile: string;
}

/** Throws an Error that names the option to correct. */
export function tlsReportSettings(values: Readonly<Record<string, unknown>>, isBinding: (name: string) => boolean): TlsReportSettings {
  const text = (key: string): string | undefined => {
    const value = values[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const from = text('reportFrom') ?? '';
  const mailbox = parseMailbox(from);
  if (mailbox === undefined || !isPrintableAddress(from) || mailbox.domain === '')
    throw new Error(
      `tls_rpt: Report_From "${from}" is no address; name the one that reports are to come from, such as tls-reports@example.com`,
    );
  const binding = text('reportBinding');
  if (binding !== undefined && !isBinding(binding))
    throw new Error(
      `tls_rpt: Report_Binding "${binding}" is no Binding and no Binding_Group of this configuration; name one, or leave it out`,
    );
  const { reportDelayMax } = values;
  const delay = typeof reportDelayMax === 'number' ? reportDelayMax : 14_400;
  return {
    organization: text('organizationName'),
    contact: text('contactInfo') ?? from,
    from,
    fromDomain: mailbox.domain,
    binding,
    // The next day's reports are not to overtake them.
    delayMaxMs: Math.min(delay, DELAY_MAX) * 1000,
    storeFile: text('storeFile') ?? 'tls_rpt.json',
  };
}
