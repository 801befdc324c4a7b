/**
 * The option `sanitize`: what becomes of characters in texts that a peer chose, before they are logged.
 *
 * The one rule: steps run in the order of the option; special_characters, non_printable and tr/.../.../ may be combined. A step that
 * is none of these is told. Only %n and %h{X} are sanitized. Truth: section 15.5 of the rules.
 */

export type Sanitizer = (text: string) => string;

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\\': '\\\\',
};

// oxlint-disable-next-line no-control-regex
const special = /[\0\x07\b\t\n\v\f\r\\]/g;

export function parseSanitize(option: string): { readonly sanitize: Sanitizer; readonly problems: readonly string[] } {
  const steps: Sanitizer[] = [];
  const problems: string[] = [];
  for (const step of stepsOf(option)) {
    if (step === 'special_characters') steps.push((text) => text.replace(special, (c) => escapes[c] as string));
    else if (step === 'non_printable')
      steps.push((text) => text.replace(/[^ -~]/gu, (c) => `\\${String(c.codePointAt(0)).padStart(3, '0')}`));
    else {
      const tr = transliterate(step);
      if (tr === undefined) problems.push(`sanitize: "${step}" is none of special_characters, non_printable, tr/from/to/`);
      else steps.push(tr);
    }
  }
  return { sanitize: (text) => steps.reduce((so, step) => step(so), text), problems };
}

/** Parted at commas, but not within tr/.../.../. */
function stepsOf(option: string): string[] {
  return [...option.matchAll(/\s*(tr\/(?:\\.|[^/\\])*\/(?:\\.|[^/\\])*\/|[^,]+)\s*(?:,|$)/g)].map((match) => (match[1] as string).trim());
}

/** tr as in Perl: ranges, a last character that goes on, `\/` and `\\`. */
function transliterate(step: string): Sanitizer | undefined {
  const match = /^tr\/((?:\\.|[^/\\])*)\/((?:\\.|[^/\\])*)\/$/.exec(step);
  if (match === null) return undefined;
  const from = expand(match[1] as string);
  const to = expand(match[2] as string);
  const map = new Map(
    from.map((character, i) => [character, to.length === 0 ? character : (to[Math.min(i, to.length - 1)] as string)]).reverse() as [
      string,
      string,
    ][],
  );
  return (text) => [...text].map((character) => map.get(character) ?? character).join('');
}

const named: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function expand(set: string): string[] {
  const items = [...set.matchAll(/\\(.)|([\s\S])/gu)].map(([, escaped, plain]) => ({
    character: escaped === undefined ? (plain as string) : (named[escaped] ?? escaped),
    isRange: plain === '-',
  }));
  const out: string[] = [];
  let isEndOfRange = false;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as { character: string; isRange: boolean };
    const next = items[i + 1];
    const last = out.at(-1);
    if (!item.isRange || isEndOfRange || next === undefined || last === undefined) {
      out.push(item.character);
      isEndOfRange = false;
      continue;
    }
    const end = next.character.codePointAt(0) as number;
    for (let code = (last.codePointAt(0) as number) + 1; code <= end && out.length < 0x3000; code++) out.push(String.fromCodePoint(code));
    isEndOfRange = true;
    i++;
  }
  return out;
}
