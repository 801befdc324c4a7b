/**
 * TLS_Protocols of a listener, such as `+ALL:-TLSv1.0`, as the lowest and highest version that is left.
 *
 * The one rule: words are taken from left to right; versions that the runtime no longer has (SSLv2, SSLv3) may be named and change
 * nothing. Where a version in the middle was taken out, what is below it goes too: a range is all that can be asked for.
 * Unset means what the runtime thinks safe, TLS 1.2 and newer. Truth: rule TLSI-01.
 */

const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof versions)[number];

interface ProtocolRange {
  readonly minVersion?: Version;
  readonly maxVersion?: Version;
}

/** The range, or what is wrong with the text. */
export function protocolRange(text: string | undefined): ProtocolRange | string {
  if (text === undefined) return {};
  const allowed = new Set<Version>();
  for (const word of text.split(/[\s:,]+/).filter((part) => part !== '')) {
    const meant = versionsOf(word.replace(/^[+\-!]/, ''));
    if (meant === undefined) return `"${word}" is no version; expected ALL, SSLv2, SSLv3, TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3`;
    for (const version of meant) {
      if (/^[-!]/.test(word)) allowed.delete(version);
      else allowed.add(version);
    }
  }
  const highest = versions.findLast((version) => allowed.has(version));
  if (highest === undefined) return 'no version is left';
  let lowest = versions.indexOf(highest);
  while (lowest > 0 && allowed.has(versions[lowest - 1] as Version)) lowest--;
  return { minVersion: versions[lowest] as Version, maxVersion: highest };
}

function versionsOf(name: string): readonly Version[] | undefined {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return versions;
  if (upper === 'SSLV2' || upper === 'SSLV3') return [];
  const found = versions.find((version) => version.toUpperCase() === upper || (version === 'TLSv1' && upper === 'TLSV1.0'));
  return found === undefined ? undefined : [found];
}
