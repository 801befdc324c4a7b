/*
 * What the value of a logger's option names: a file, or a target of some scheme, or nothing.
 *
 * A plain path and file:// name a file. Every other scheme (jlog://, cluster://, syslog://, pipe://) belongs to a module that
 * knows how to write there; the caller must never create a file of that name.
 * An empty value switches the log off. Truth: LOG-22.
 */

export type LogTarget = { kind: 'file'; path: string } | { kind: 'scheme'; scheme: string; rest: string } | { kind: 'off' };

export function parseLogTarget(value: string): LogTarget {
  const text = value.trim();
  if (text === '') return { kind: 'off' };
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text);
  if (match === null) return { kind: 'file', path: text };
  const scheme = (match[1] as string).toLowerCase();
  const rest = match[2] as string;
  if (scheme !== 'file') return { kind: 'scheme', scheme, rest };
  return rest === '' ? { kind: 'off' } : { kind: 'file', path: rest };
}
