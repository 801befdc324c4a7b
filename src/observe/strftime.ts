/*
 * The part of strftime that log time stamps need, in local time and in English.
 *
 * Known: %a %A %b %B %d %e %H %I %j %m %M %p %S %y %Y %Z %z %F %T %D %s %n %t %%. Anything else is kept as written.
 * A stamp is made at most once a second: the last one is remembered. Truth: TimestampFormat, POSIX strftime.
 */

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

const two = (n: number): string => String(n).padStart(2, '0');
const name = (list: readonly string[], i: number): string => list[i] as string;

const made: Record<string, (d: Date) => string> = {
  a: (d) => name(days, d.getDay()).slice(0, 3),
  A: (d) => name(days, d.getDay()),
  b: (d) => name(months, d.getMonth()).slice(0, 3),
  h: (d) => name(months, d.getMonth()).slice(0, 3),
  B: (d) => name(months, d.getMonth()),
  d: (d) => two(d.getDate()),
  e: (d) => String(d.getDate()).padStart(2, ' '),
  H: (d) => two(d.getHours()),
  I: (d) => two(d.getHours() % 12 || 12),
  j: (d) => String(dayOfYear(d)).padStart(3, '0'),
  m: (d) => two(d.getMonth() + 1),
  M: (d) => two(d.getMinutes()),
  p: (d) => (d.getHours() < 12 ? 'AM' : 'PM'),
  S: (d) => two(d.getSeconds()),
  y: (d) => two(d.getFullYear() % 100),
  Y: (d) => String(d.getFullYear()),
  z: (d) => zone(d),
  Z: (d) => zone(d),
  F: (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`,
  T: (d) => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`,
  D: (d) => `${two(d.getMonth() + 1)}/${two(d.getDate())}/${two(d.getFullYear() % 100)}`,
  s: (d) => String(Math.floor(d.getTime() / 1000)),
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
};

let last = { format: '', second: NaN, text: '' };

/** `format` filled in for the moment `epochMs`. */
export function strftime(format: string, epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (last.second === second && last.format === format) return last.text;
  const date = new Date(epochMs);
  const text = format.replace(/%(.)/gsu, (whole, letter: string) => made[letter]?.(date) ?? whole);
  last = { format, second, text };
  return text;
}

function dayOfYear(d: Date): number {
  return Math.round((Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) - Date.UTC(d.getFullYear(), 0, 1)) / 86_400_000) + 1;
}

function zone(d: Date): string {
  const minutes = -d.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`;
}
