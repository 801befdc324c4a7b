/*
 * What the value of a logger's option names: a file, or something that does not work here yet.
 *
 * A plain path and file:// name a file. Any other scheme (jlog://, cluster://, syslog://, pipe://, eccmgrio://) is known to
 * be a target but not written to: the caller warns once and must never create a file of that name.
 * An empty value switches the log off. Truth: LOG-22; issue part 9.
 */

export type LogTarget = { kind: 'file'; path: string } | { kind: 'unavailable'; scheme: string } | { kind: 'off' };

export function parseLogTarget(value: string): LogTarget {
  const text = value.trim();
  if (text === '') return { kind: 'off' };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'file', path: text };
  if (scheme !== 'file') return { kind: 'unavailable', scheme };
  const path = text.slice('file://'.length);
  return path === '' ? { kind: 'off' } : { kind: 'file', path };
}
