/**
 * Authentication-Results as others wrote them: whose they are, and each result with its properties.
 *
 * The one rule: quoted texts and comments never end a clause nor begin one, so that no reason that a stranger chose becomes a result.
 * Bounds: VALUE_MAX characters, CLAUSES_MAX clauses; what is longer is not read. Not here: whether to believe it. Truth: RFC 8601 section 2.2.
 */
const VALUE_MAX = 65_536;
const CLAUSES_MAX = 100;

interface ResultClause {
  readonly method: string;
  readonly result: string;
  /** `header.from` and the like, in lower case, with their values. */
  readonly properties: ReadonlyMap<string, string>;
  /** As it stands, without comments, one blank between items. */
  readonly text: string;
}

interface ReadResults {
  readonly authservId: string;
  readonly clauses: readonly ResultClause[];
}

/** @param value of the field, unfolded */
export function parseResults(value: string): ReadResults | undefined {
  if (value.length > VALUE_MAX) return undefined;
  const [first = '', ...rest] = partsOf(value);
  const authservId = /^("(?:[^"\\]|\\.)*"|[^\s"]+)(?:\s+\d+)?$/.exec(first)?.[1];
  if (authservId === undefined || rest.length > CLAUSES_MAX) return undefined;
  return { authservId: unquoted(authservId), clauses: rest.flatMap((text) => clauseOf(text) ?? []) };
}

/** Whether results say that a domain stood behind a message when they were written. */
export function saysDmarcPass(value: string, domain: string): boolean {
  const said = parseResults(value)?.clauses.filter(({ method }) => method === 'dmarc') ?? [];
  return (
    said.length === 1 &&
    said.every(({ result, properties }) => result === 'pass' && properties.get('header.from')?.toLowerCase() === domain)
  );
}

/** What stands between semicolons, without comments. */
function partsOf(value: string): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  let isQuoted = false;
  for (let i = 0; i < value.length; i++) {
    const character = value[i] as string;
    if (depth > 0) {
      if (character === '\\') i++;
      else if (character === '(') depth++;
      else if (character === ')') depth--;
    } else if (isQuoted) {
      part += character;
      if (character === '\\') part += value[++i] ?? '';
      else if (character === '"') isQuoted = false;
    } else if (character === '(') depth++;
    else if (character === ';') {
      parts.push(part.trim());
      part = '';
    } else {
      part += character;
      isQuoted = character === '"';
    }
  }
  return [...parts, part.trim()];
}

const ITEM = /\s*([a-z0-9][a-z0-9./_-]*)\s*=\s*((?:"(?:[^"\\]|\\.)*"|[^\s"])+)/iy;

/** Undefined for what is no result from its first character to its last. */
function clauseOf(text: string): ResultClause | undefined {
  const properties = new Map<string, string>();
  const words: string[] = [];
  let head: readonly [method: string, result: string] | undefined;
  for (let at = 0; at < text.length; at = ITEM.lastIndex) {
    ITEM.lastIndex = at;
    const [, name = '', value = ''] = ITEM.exec(text) ?? [];
    if (name === '') return undefined;
    words.push(`${name}=${value}`);
    const key = name.toLowerCase();
    if (head === undefined) head = [key.replace(/\/.*/, ''), unquoted(value).toLowerCase()];
    // Said twice is not said.
    else properties.set(key, properties.has(key) ? '' : unquoted(value));
  }
  return head === undefined ? undefined : { method: head[0], result: head[1], properties, text: words.join(' ') };
}

function unquoted(text: string): string {
  return text.replace(/"((?:[^"\\]|\\.)*)"/g, (_, inner: string) => inner.replace(/\\(.)/g, '$1'));
}
