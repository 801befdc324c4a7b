/**
 * A TLS report as text: who wants one, what it says, and the mail that carries it.
 *
 * The one rule: a record that is not exactly of version TLSRPTv1 with one `rua` is nobody's wish. Of its places only `mailto:` with one plain address at
 * a name and `https:` at a name's port 443 count, the first PLACES_MAX of them. What a domain published comes back only inside JSON, and is cut.
 * Not here: days and sending (tls-reporter.ts). Truth: RFC 8460 sections 3, 4.4 and 5.
 */
import { isIP } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { FaultRow, PolicyRow } from './tls-results.ts';

/** Each place costs us a message or a connection, at a stranger's word. */
const PLACES_MAX = 4;
const URL_MAX = 1_024;
/** Looked at, usable or not. */
const URIS_MAX = 16;

export type ReportPlace =
  | { readonly kind: 'mailto'; readonly address: string; readonly host: string }
  | { readonly kind: 'https'; readonly url: string; readonly host: string };

/** Where the domain of these TXT records wants its reports; empty: it wants none. */
export function reportPlaces(texts: readonly string[]): ReportPlace[] {
  const records = texts.filter((text) => /^v=TLSRPTv1[\t ]*;/.test(text));
  const [record = ''] = records;
  if (records.length !== 1) return [];
  const fields = record.split(';').flatMap((field) => /^[\t ]*rua[\t ]*=(.*)$/s.exec(field)?.[1] ?? []);
  const [rua] = fields;
  if (rua === undefined || fields.length !== 1) return [];
  const places = new Map<string, ReportPlace>();
  for (const uri of rua.split(',', URIS_MAX)) {
    const place = placeOf(uri.trim());
    if (place !== undefined) places.set(placeKey(place), place);
    if (places.size === PLACES_MAX) break;
  }
  return [...places.values()];
}

/** The same for the same place, and what people read. */
export function placeKey(place: ReportPlace): string {
  return place.kind === 'mailto' ? `mailto:${place.address}` : place.url;
}

function placeOf(uri: string): ReportPlace | undefined {
  if (uri.length > URL_MAX) return undefined;
  try {
    if (/^mailto:/i.test(uri)) {
      const address = decodeURIComponent(uri.slice(7).split('?')[0] ?? '');
      const [, local = '', domain = ''] = /^([A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]{1,64})@([A-Za-z0-9.-]{1,253})$/.exec(address) ?? [];
      return isName(domain) && !/^\.|\.\.|\.$/.test(local) ? { kind: 'mailto', address, host: domain.toLowerCase() } : undefined;
    }
    const url = new URL(uri);
    const isPlain = url.protocol === 'https:' && url.port === '' && url.username === '' && url.password === '';
    url.hash = '';
    return isPlain && isName(url.hostname) ? { kind: 'https', url: url.href, host: url.hostname } : undefined;
  } catch {
    return undefined;
  }
}

function isName(host: string): boolean {
  return (
    host.length <= 253 && isIP(host) === 0 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/i.test(host)
  );
}

/** Milliseconds; `until` belongs to the next period. */
export interface Period {
  readonly from: number;
  readonly until: number;
}

export interface ReportFacts {
  readonly organization: string;
  readonly contact: string;
  readonly id: string;
  readonly domain: string;
  readonly period: Period;
  readonly rows: readonly PolicyRow[];
}

/** The report as data, with the names of RFC 8460. */
export function reportJson({ organization, contact, id, domain, period, rows }: ReportFacts) {
  return {
    'organization-name': organization,
    'date-range': { 'start-datetime': timeOf(period.from), 'end-datetime': timeOf(lastOf(period)) },
    'contact-info': contact,
    'report-id': id,
    policies: rows.map(({ policy, successes, failures, other, faults }) => ({
      policy: {
        'policy-type': policy.type,
        ...(policy.strings.length === 0 ? {} : { 'policy-string': policy.strings }),
        'policy-domain': domain,
        ...(policy.mxHosts.length === 0 ? {} : { 'mx-host': policy.mxHosts }),
      },
      summary: { 'total-successful-session-count': successes, 'total-failure-session-count': failures },
      ...(failures === 0 ? {} : { 'failure-details': [...faults.map(detailOf), ...(other === 0 ? [] : [otherFailures(other)])] }),
    })),
  };
}

export function packReport(facts: ReportFacts): Buffer {
  return gzipSync(JSON.stringify(reportJson(facts)));
}

function detailOf({ type, reason, sendingIp, host, helo, ip, count }: FaultRow): Record<string, string | number> {
  return {
    'result-type': type,
    ...(sendingIp === '' ? {} : { 'sending-mta-ip': sendingIp }),
    ...(host === '' ? {} : { 'receiving-mx-hostname': host }),
    ...(helo === '' ? {} : { 'receiving-mx-helo': helo }),
    ...(ip === '' ? {} : { 'receiving-ip': ip }),
    'failed-session-count': count,
    ...(reason === '' ? {} : { 'failure-reason-code': reason }),
  };
}

function otherFailures(count: number): Record<string, string | number> {
  return { 'result-type': 'validation-failure', 'failed-session-count': count, 'failure-reason-code': 'further failures, not told apart' };
}

interface MailFacts extends ReportFacts {
  readonly packed: Buffer;
  readonly from: string;
  readonly to: string;
  /** Our host, who submits. */
  readonly submitter: string;
  /** With angle brackets. */
  readonly messageId: string;
  /** As in a Date field. */
  readonly date: string;
}

export function reportMail(o: MailFacts): Buffer {
  const { domain, submitter, id, period } = o;
  const unique = id.replace(/@.*/, '').replace(/[^A-Za-z0-9]/g, '');
  const name = [submitter, domain, Math.floor(period.from / 1000), Math.floor(lastOf(period) / 1000), unique].join('!');
  const boundary = `=_tlsrpt_${unique.slice(0, 40)}`;
  const lines = [
    `From: ${o.from}`,
    `To: ${o.to}`,
    `Date: ${o.date}`,
    `Message-ID: ${o.messageId}`,
    `Subject: Report Domain: ${domain}`,
    ` Submitter: ${submitter}`,
    ` Report-ID: <${id}>`,
    `TLS-Report-Domain: ${domain}`,
    `TLS-Report-Submitter: ${submitter}`,
    'MIME-Version: 1.0',
    'Auto-Submitted: auto-generated',
    'Content-Type: multipart/report; report-type="tlsrpt";',
    ` boundary="${boundary}"`,
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `This is a TLS report (RFC 8460) of ${submitter} about mail for`,
    `${domain} from ${timeOf(period.from)} to ${timeOf(lastOf(period))}.`,
    '',
    `--${boundary}`,
    'Content-Type: application/tlsrpt+gzip',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment;',
    ` filename="${name}.json.gz"`,
    '',
    ...(o.packed.toString('base64').match(/.{1,76}/g) ?? []),
    '',
    `--${boundary}--`,
    '',
  ];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** The last second that a report is about. */
function lastOf({ from, until }: Period): number {
  return Math.max(from, until - 1000);
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
