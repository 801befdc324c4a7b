/**
 * Macros of SPF: a text of a record read into parts, and those parts filled in for one message.
 *
 * The one rule: a text is judged when it is read; filling in cannot fail. Letters c, r and t are legal in explanations only, and a number must not be 0.
 * Not here: where the validated name of %{p} comes from (spf.ts). Truth: RFC 7208 section 7; RFC 8616 section 4 for what is not ASCII.
 */
import type { IpAddress } from '#base';

interface Macro {
  readonly letter: string;
  readonly isEscaped: boolean;
  /** Right-hand parts that are used; 0 for all. */
  readonly parts: number;
  readonly isReversed: boolean;
  readonly delimiters: string;
}

type MacroPart = string | Macro;
export type MacroText = readonly MacroPart[];

export interface MacroValues {
  readonly sender: string;
  readonly local: string;
  readonly senderDomain: string;
  /** The domain whose record is being read. */
  readonly domain: string;
  readonly ip: IpAddress;
  readonly helo: string;
  /** The validated name of the address, or `unknown`. */
  readonly validated: string;
  readonly receiver: string;
  /** Seconds since the epoch. */
  readonly now: number;
}

const PIECE = /%%|%_|%-|%\{([a-z])(\d*)(r?)([-.+,/_=]*)\}|[!-$&-~]+/giy;
const PIECE_OF_EXPLANATION = /%%|%_|%-|%\{([a-z])(\d*)(r?)([-.+,/_=]*)\}|[ -$&-~]+/giy;

/** Undefined when the text is no macro-string (of an explanation: explain-string). */
export function parseMacros(text: string, o: { isExplanation?: boolean } = {}): MacroText | undefined {
  const pattern = o.isExplanation === true ? PIECE_OF_EXPLANATION : PIECE;
  const legal = o.isExplanation === true ? 'slodiphcrtv' : 'slodiphv';
  const parts: MacroPart[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null) return undefined;
    const [whole, letter, digits = '', reversal = '', delimiters = ''] = found;
    if (letter === undefined) {
      parts.push(whole === '%%' ? '%' : whole === '%_' ? ' ' : whole === '%-' ? '%20' : whole);
      continue;
    }
    const lower = letter.toLowerCase();
    if (!legal.includes(lower) || (digits !== '' && !(Number(digits) > 0))) return undefined;
    parts.push({
      letter: lower,
      isEscaped: lower !== letter,
      parts: Number(digits),
      isReversed: reversal !== '',
      delimiters: delimiters === '' ? '.' : delimiters,
    });
  }
  return parts;
}

/** Whether one of these letters occurs. */
export function uses(text: MacroText, letters: string): boolean {
  return text.some((part) => typeof part !== 'string' && letters.includes(part.letter));
}

export function expandMacros(text: MacroText, values: MacroValues): string {
  return text.map((part) => (typeof part === 'string' ? part : expanded(part, values))).join('');
}

/** The end of what it expands to, of `least` characters or more: a name is cut from the left, so the rest is never made (A57). */
export function expandEnd(text: MacroText, values: MacroValues, least: number): string {
  let end = '';
  for (let i = text.length - 1; i >= 0 && end.length < least; i -= 1) end = expandMacros(text.slice(i, i + 1), values) + end;
  return end;
}

function expanded(macro: Macro, values: MacroValues): string {
  const plain = valueOf(macro.letter, values);
  const text = macro.delimiters === '.' && macro.parts === 0 && !macro.isReversed ? plain : transformed(plain, macro);
  return macro.isEscaped ? escaped(text) : text;
}

function transformed(text: string, { delimiters, parts, isReversed }: Macro): string {
  const pieces: string[] = [];
  let piece = '';
  for (const character of text) {
    if (!delimiters.includes(character)) piece += character;
    else {
      pieces.push(piece);
      piece = '';
    }
  }
  pieces.push(piece);
  if (isReversed) pieces.reverse();
  return (parts === 0 ? pieces : pieces.slice(-parts)).join('.');
}

function valueOf(letter: string, values: MacroValues): string {
  switch (letter) {
    case 's':
      return values.sender;
    case 'l':
      return values.local;
    case 'o':
      return values.senderDomain;
    case 'd':
      return values.domain;
    case 'i':
      return values.ip.family === 4 ? values.ip.text : [...Buffer.from(values.ip.bytes).toString('hex').toUpperCase()].join('.');
    case 'p':
      return values.validated;
    case 'v':
      return values.ip.family === 4 ? 'in-addr' : 'ip6';
    case 'h':
      return values.helo;
    case 'c':
      return values.ip.text;
    case 'r':
      return values.receiver;
    default:
      return String(values.now);
  }
}

/** All but the unreserved characters of RFC 3986. */
function escaped(text: string): string {
  return [...Buffer.from(text, 'utf8')]
    .map((octet) => {
      const character = String.fromCharCode(octet);
      return /[A-Za-z0-9\-._~]/.test(character) ? character : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
