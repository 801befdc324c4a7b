/**
 * What TLS reports keep over a restart, as lines of JSON: a head, a line a domain of the period that goes on, a line a report that waits, an end.
 *
 * The one rule: every line stands for itself. Of a file that is torn or was touched the lines that are whole are used and the others counted; a line
 * that is not of the right shape is never believed in part. It is written beside its place, synced and renamed, PIECE_MAX octets at a time, so
 * that the loop turns meanwhile. Not here: what the figures mean (tls-reporter.ts).
 */
import { open, readFile, rename } from 'node:fs/promises';
import type { FaultRow, PolicyRow } from './tls-results.ts';
import type { Period } from './tls-report.ts';

const PIECE_MAX = 64 * 1024;

/** A report that is to be sent. */
export interface DueReport {
  readonly id: string;
  readonly domain: string;
  readonly period: Period;
  readonly rows: readonly PolicyRow[];
  /** Not before. */
  at: number;
  tries: number;
  /** Places that have it. */
  readonly given: string[];
}

interface KeptReports {
  /** Since when `domains` are counted; undefined: no head was whole. */
  readonly since: number | undefined;
  readonly other: number;
  readonly domains: readonly (readonly [domain: string, rows: readonly PolicyRow[]])[];
  readonly due: readonly DueReport[];
  /** Lines that cannot be used, the missing end among them. */
  readonly unusable: number;
}

export function* formatKept(o: Omit<KeptReports, 'unusable'>): IterableIterator<string> {
  yield JSON.stringify({ tlsReports: 1, since: o.since, other: o.other });
  for (const [domain, rows] of o.domains) yield JSON.stringify({ domain, rows });
  for (const due of o.due) yield JSON.stringify({ due });
  yield JSON.stringify({ end: true });
}

export function parseKept(text: string): KeptReports {
  const domains: [string, PolicyRow[]][] = [];
  const due: DueReport[] = [];
  let [since, other, unusable, isEnded] = [undefined as number | undefined, 0, 0, false];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const value = objectOf(line);
    if (value?.['tlsReports'] === 1 && isCount(value['since']) && isCount(value['other']))
      ({ since, other } = value as { since: number; other: number });
    else if (typeof value?.['domain'] === 'string' && isRows(value['rows'])) domains.push([value['domain'], value['rows']]);
    else if (isDue(value?.['due'])) due.push(value['due']);
    else if (value?.['end'] === true) isEnded = true;
    else unusable += 1;
  }
  return { since, other, domains, due, unusable: unusable + (isEnded ? 0 : 1) };
}

/** Where they are kept. */
export interface ReportFile {
  read(): Promise<string | undefined>;
  write(lines: Iterable<string>): Promise<void>;
}

export function reportFile(path: () => string): ReportFile {
  return {
    read: () =>
      readFile(path(), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      }),
    write: async (lines) => {
      const place = path();
      const file = await open(`${place}.new`, 'w', 0o640);
      try {
        let piece = '';
        for (const line of lines) {
          piece += `${line}\n`;
          if (piece.length < PIECE_MAX) continue;
          await file.writeFile(piece);
          piece = '';
        }
        await file.writeFile(piece);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${place}.new`, place);
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

function objectOf(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isFault(value: unknown): value is FaultRow {
  if (!isFields(value) || !isCount(value['count'])) return false;
  return isTexts(['type', 'reason', 'sendingIp', 'host', 'helo', 'ip'].map((name) => value[name]));
}

function isRow(value: unknown): value is PolicyRow {
  if (!isFields(value) || !isFields(value['policy'])) return false;
  const { policy, successes, failures, other, faults } = value;
  const { type, strings, mxHosts } = policy as Fields;
  const isPolicy = ['tlsa', 'sts', 'no-policy-found'].includes(String(type)) && isTexts(strings) && isTexts(mxHosts);
  return isPolicy && [successes, failures, other].every(isCount) && Array.isArray(faults) && faults.every(isFault);
}

function isRows(value: unknown): value is PolicyRow[] {
  return Array.isArray(value) && value.every(isRow);
}

function isDue(value: unknown): value is DueReport {
  if (!isFields(value) || !isFields(value['period'])) return false;
  const { id, domain, period, rows, at, tries, given } = value;
  const { from, until } = period as Fields;
  return isTexts([id, domain]) && isTexts(given) && [from, until, at, tries].every(isCount) && isRows(rows);
}
