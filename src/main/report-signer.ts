/*
 * Whether TLS reports that leave by mail would be signed: receivers take no others.
 *
 * The one rule: a notice, not a refusal: another host on the way may sign, and reports over HTTPS need no signature. A signer whose condition no
 * notice of ours meets (sign_condition) counts as none. Not here: whether its key can be read (each signature says so). Truth: RFC 8460 section 3.
 */
import type { Snapshot } from '#config';
import { asciiName, signingFor } from '#dkim';
import { sendingSettings, signingSetup } from './catalog.ts';

export function reportSignerNotices(snapshot: Snapshot): string[] {
  const reports = sendingSettings(snapshot).tlsReports;
  if (reports === undefined) return [];
  const domain = asciiName(reports.fromDomain);
  const { signers } = signingSetup(snapshot);
  const isSigned = signers.some(({ settings }) => {
    const how = signingFor(settings, domain);
    return how !== undefined && how.condition === undefined;
  });
  return isSigned
    ? []
    : [
        `tls_rpt: nothing signs mail from ${domain} (Report_From "${reports.from}"), and receivers refuse reports without a DKIM signature (RFC 8460 section 3): ` +
          `give opendkim or dkim_sign a scope for ${domain} with a selector and a key`,
      ];
}
