/*
 * The forms in which ec_log_trace prints: lines as they are, with dates, grouped in words, as XML, or only their numbers.
 *
 * The one rule: whatever a peer put into a log stays text; control characters are shown, never sent to a terminal or into XML (A74).
 */
import { escapeText, strftime } from '#observe';
import type { LineKind, LogLine } from './lines.ts';
import type { Group } from './selection.ts';

const names: Readonly<Record<LineKind, string>> = {
  R: 'reception',
  D: 'delivery',
  X: 'transfer',
  T: 'transient-failure',
  P: 'permanent-failure',
  J: 'rejection',
  B: 'bounce',
  I: 'import',
  F: 'feedback',
};

/** `Fri Mar 12 08:59:58 2010`, in local time. */
function date(at: number): string {
  return strftime('%a %b %d %H:%M:%S %Y', at * 1000);
}

export function plain(line: LogLine, isDate: boolean): string {
  return isDate ? `${date(line.at)}${line.raw.replace(/^\d+/, '')}\n` : `${line.raw}\n`;
}

/** A message with all that is known of it, or one rejection. */
export function inWords(group: Group, isDate: boolean): string {
  const head = group.id === '' ? '' : `Message ${escapeText(group.id)}\n`;
  return `${head}${group.lines.map((line) => lineInWords(line, isDate)).join('')}\n`;
}

function lineInWords(line: LogLine, isDate: boolean): string {
  const row = (name: string, value: string): string => `    ${name}: ${escapeText(value)}\n`;
  const title = `  ${names[line.kind]} ${isDate ? date(line.at) : line.at}\n`;
  const rows = [...line.values].map(([name, value]) => row(name, value));
  const context = (name: string, pairs: ReadonlyMap<string, string>): string[] =>
    pairs.size === 0 ? [] : [`    ${name} context:\n`, ...[...pairs].map(([key, value]) => `  ${row(escapeText(key), value)}`)];
  return [title, ...rows, ...context('connection', line.connection), ...context('message', line.message)].join('');
}

export const xmlHead = '<?xml version="1.0" encoding="UTF-8"?>\n<log>\n';
export const xmlTail = '</log>\n';

export function xml(line: LogLine, isDate: boolean): string {
  const attribute = (name: string, value: string): string => ` ${name}="${xmlText(value)}"`;
  const head = attribute('time', isDate ? date(line.at) : String(line.at)) + (line.id === '' ? '' : attribute('id', line.id));
  const values = [...line.values].map(([name, value]) => attribute(name, value)).join('');
  const context = (name: string, pairs: ReadonlyMap<string, string>): string =>
    [...pairs].map(([key, value]) => `    <${name}${attribute('key', key)}>${xmlText(value)}</${name}>\n`).join('');
  const inner = context('connection-context', line.connection) + context('message-context', line.message);
  const name = names[line.kind];
  return inner === '' ? `  <${name}${head}${values}/>\n` : `  <${name}${head}${values}>\n${inner}  </${name}>\n`;
}

function xmlText(text: string): string {
  return escapeText(text).replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

const counted: readonly (readonly [string, readonly LineKind[]])[] = [
  ['Receptions', ['R']],
  ['Deliveries', ['D', 'X']],
  ['Transient failures', ['T']],
  ['Permanent failures', ['P']],
  ['Rejections', ['J']],
  ['Bounces', ['B']],
];

/** The four numbers of the mainlog always, the others when there are any. */
export function counts(numbers: ReadonlyMap<LineKind, number>): string {
  const sum = (kinds: readonly LineKind[]): number => kinds.reduce((total, kind) => total + (numbers.get(kind) ?? 0), 0);
  return counted
    .filter(([, kinds], i) => i < 4 || sum(kinds) > 0)
    .map(([name, kinds]) => `${name}: ${sum(kinds)}\n`)
    .join('');
}
