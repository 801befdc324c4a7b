/**
 * MTA-STS as text: the TXT record that says there is a policy, the policy itself, and which hosts it means.
 *
 * The one rule: what is not exactly as RFC 8461 says is no policy, so nothing half understood is ever enforced or relaxed; keys that nobody
 * knows are passed over. A pattern is a host name or `*.` with one, which stands for one label.
 * Not here: how they are fetched and kept (sts-fetch.ts, sts-store.ts). Truth: RFC 8461 sections 3.1, 3.2 and 4.1.
 */
import { toAsciiDomain } from '#base';

export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  /** Lower case. */
  readonly mx: readonly string[];
  /** Seconds. */
  readonly maxAge: number;
  /** As a report repeats it (RFC 8460 section 4.4). */
  readonly lines: readonly string[];
}

const ageMax = 31_557_600;
const linesMax = 1_000;

/** The id of the one record that announces a policy; undefined when there is none, or more than one. */
export function stsId(texts: readonly string[]): string | undefined {
  const records = texts.filter((text) => /^v=STSv1[\t ]*;/.test(text));
  const [record = ''] = records;
  if (records.length !== 1) return undefined;
  const fields = record.split(';').map((field) => field.trim());
  const ids = fields.flatMap((field) => /^id[\t ]*=[\t ]*([A-Za-z0-9]{1,32})$/.exec(field)?.[1] ?? []);
  return ids.length === 1 ? ids[0] : undefined;
}

/** A text says what is wrong. */
export function parseStsPolicy(text: string): StsPolicy | string {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length > linesMax) return `the policy has more than ${linesMax} lines`;
  for (const line of lines) {
    const [, key = '', rest = ''] = /^[\t ]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[\t ]*:(.*)$/.exec(line) ?? [];
    const value = withoutBlanks(rest);
    if (key === '') return 'the policy has a line that is no key and value';
    if (key !== 'mx') {
      if (!fields.has(key)) fields.set(key, value);
      continue;
    }
    const pattern = patternOf(value);
    if (pattern === undefined) return `the policy has an mx that is no host: "${printable(value)}"`;
    mx.push(pattern);
  }
  const mode = fields.get('mode');
  const age = fields.get('max_age') ?? '';
  if (fields.get('version') !== 'STSv1') return 'the policy is not of version STSv1';
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none')
    return `the policy has no mode that is known: "${printable(mode ?? '')}"`;
  if (!/^\d{1,10}$/.test(age)) return 'the policy has no max_age in seconds';
  if (mx.length === 0 && mode !== 'none') return 'the policy names no mx';
  return { mode, mx, maxAge: Math.min(Number(age), ageMax), lines: lines.map((line) => printable(line.trim())) };
}

export function isStsHost(policy: StsPolicy, host: string): boolean {
  const name = host.toLowerCase();
  const above = name.slice(name.indexOf('.') + 1);
  return policy.mx.some((pattern) => (pattern.startsWith('*.') ? name.includes('.') && pattern.slice(2) === above : pattern === name));
}

function patternOf(text: string): string | undefined {
  const isWild = text.startsWith('*.');
  const name = toAsciiDomain(isWild ? text.slice(2) : text, { allowTrailingDot: true });
  return name === undefined ? undefined : `${isWild ? '*.' : ''}${name}`;
}

/** A regular expression that trims goes back from each of many thousand blanks (A49). */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, '?').slice(0, 200);
}
