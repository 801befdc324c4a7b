/*
 * Answers for programs: `json COMMAND` and `xml COMMAND`.
 *
 * The one rule: every command has both. What an operation gives as data is that data; of others it is the lines of the text. A refusal has the same
 * form with ok = false. Truth: CC-24 (the manual documents no schema: this one is ours, docs/protocols/console.md).
 */
import type { Answer } from './operation.ts';

type Format = 'json' | 'xml';

/** Takes the format off a line; undefined where there is none. */
export function formatOf(line: string): { readonly format: Format; readonly command: string } | undefined {
  const [, word, command] = /^\s*(json|xml)\s+(\S.*)$/is.exec(line) ?? [];
  return word === undefined || command === undefined ? undefined : { format: word.toLowerCase() as Format, command };
}

export function inFormat(format: Format, { ok, text, data }: Answer): Answer {
  const content = data ?? { lines: text.replace(/\n$/, '').split('\n') };
  if (format === 'json') return { ok, text: `${visibleJson(JSON.stringify({ ok, data: content }))}\n` };
  return { ok, text: `<reply ok="${ok}">${element('data', content)}</reply>\n` };
}

/** The same JSON, with what could steer a terminal as escapes (A74). */
function visibleJson(json: string): string {
  return json.replace(/[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Names become elements, lists repeat <item>; what is no name of an element stands in an attribute. */
function element(name: string, value: unknown): string {
  const isName = /^[A-Za-z_][\w.-]*$/.test(name);
  const [open, close] = isName ? [`<${name}>`, `</${name}>`] : [`<entry name="${escaped(name)}">`, '</entry>'];
  return `${open}${content(value)}${close}`;
}

function content(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((item) => element('item', item)).join('');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([key, item]) => element(key, item))
      .join('');
  return escaped(typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '');
}

/** XML 1.0 has no place for most control characters: they become visible. */
function escaped(text: string): string {
  return (
    text
      .replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
      // oxlint-disable-next-line no-control-regex
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  );
}
