/*
 * Lines of Momentum's logs, read back into named values: mainlog, rejectlog, bouncelog, importlog, fbllog.
 *
 * The one rule: which log a line is of is seen from the line, so that files may be given in any mixture. What is none of them (markers,
 * the paniclog, half a line) gives undefined. Truth: LOG-01, LOG-02, LOG-10, sections 15.1 to 15.4.
 */
export type LineKind = 'R' | 'D' | 'X' | 'T' | 'P' | 'J' | 'B' | 'I' | 'F';

export interface LogLine {
  readonly kind: LineKind;
  /** Epoch seconds. */
  readonly at: number;
  /** Of the message; '' in a rejectlog, whose lines are about connections. */
  readonly id: string;
  /** By the names that are printed, in the order of the line. */
  readonly values: ReadonlyMap<string, string>;
  /** Contexts of a rejection. */
  readonly connection: ReadonlyMap<string, string>;
  readonly message: ReadonlyMap<string, string>;
  readonly raw: string;
}

const ids = ['batch', 'connection'];
const people = ['recipient-local', 'recipient-domain', 'sender-local', 'sender-domain'];
const failure = ['domain', 'bytes', 'group', 'binding', 'stage', 'retries', 'seconds', 'ip', 'reply'];
/** What stands behind the kind. */
const fieldNames: Readonly<Record<string, readonly string[]>> = {
  R: [...people, 'ip', 'bytes', 'protocol', 'group', 'binding'],
  D: ['domain', 'bytes', 'group', 'binding', 'retries', 'seconds', 'ip'],
  X: ['domain', 'bytes', 'group', 'binding', 'retries', 'seconds', 'ip'],
  T: failure,
  P: failure,
};
const bounceNames = [...people, 'group', 'binding', 'stage', 'class', 'bytes', 'ip', 'reply'];
const importNames = ['new-id', 'result', 'spool'];
const feedbackNames = ['recipient-local', 'recipient-domain', 'binding', 'group', 'feedback', 'report-domain', 'user-string'];
const none: ReadonlyMap<string, string> = new Map();

export function parseLine(raw: string): LogLine | undefined {
  if (/^\d{10,16}: /.test(raw)) return parseReject(raw);
  if (!/^\d{10,16}@/.test(raw)) return undefined;
  const fields = fieldsOf(raw);
  const [time = '', id = '', third = '', fourth = '', kind = ''] = fields;
  const plain = (k: LineKind, names: readonly string[], from: number, values: Map<string, string>): LogLine | undefined => {
    if (fields.length !== from + names.length) return undefined;
    names.forEach((name, i) => values.set(name, fields[from + i] as string));
    return { kind: k, at: seconds(time), id, values, connection: none, message: none, raw };
  };
  if (third === 'I') return plain('I', importNames, 3, new Map());
  if (third === 'F') return plain('F', feedbackNames, 3, new Map());
  const head = new Map([
    [ids[0] as string, third],
    [ids[1] as string, fourth],
  ]);
  // A bouncelog has sixteen fields, also for transient failures.
  if (fields.length === 5 + bounceNames.length) {
    return kind === 'B' || kind === 'T' ? plain('B', bounceNames, 5, new Map([['type', kind], ...head])) : undefined;
  }
  const names = fieldNames[kind];
  return names === undefined ? undefined : plain(kind as LineKind, names, 5, head);
}

/** Momentum 5 may write microseconds. */
function seconds(text: string): number {
  return text.length > 10 ? Math.floor(Number(text) / 10 ** (text.length - 10)) : Number(text);
}

function fieldsOf(line: string): string[] {
  if (!line.includes('\\')) return line.split('@');
  return (line.match(/(?:^|@)(?:[^@\\]|\\.?)*/gsu) ?? []).map((part, i) => unescape(i === 0 ? part : part.slice(1)));
}

function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(
    /\\(?:x([0-9a-f]{2})|u\{([0-9a-f]{1,6})\}|(.))/gsu,
    (whole, x: string | undefined, u: string | undefined, c: string | undefined) => {
      const code = parseInt(x ?? u ?? '', 16);
      if (code <= 0x10_ffff) return String.fromCodePoint(code);
      return c === undefined ? whole : ({ n: '\n', r: '\r', t: '\t' }[c] ?? c);
    },
  );
}

const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
const words = '\\[((?:"(?:[^"\\\\]|\\\\.)*"|[^"\\]])*)\\]';
const rejection = new RegExp(
  `^(\\d{10,16}): R=${quoted} L=${quoted} C=${quoted} PATH=${quoted} PATH_GRP=${quoted} P=${quoted} E=(\\d+) M=("(?:[^"\\\\]|\\\\.)*"|\\S*) CTXCONN=${words} CTXMESS=${words} (.*)$`,
  'su',
);
const rejectNames = ['remote', 'local', 'connection', 'pathway', 'pathway-group', 'phase', 'code', 'module'];

function parseReject(raw: string): LogLine | undefined {
  const m = rejection.exec(raw);
  if (m === null) return undefined;
  const values = new Map(rejectNames.map((name, i) => [name, plainWord(m[i + 2] ?? '')]));
  values.set('text', unescape(m[12] ?? ''));
  return { kind: 'J', at: seconds(m[1] as string), id: '', values, connection: pairsOf(m[10] ?? ''), message: pairsOf(m[11] ?? ''), raw };
}

function pairsOf(text: string): Map<string, string> {
  const word = '("(?:[^"\\\\]|\\\\.)*"|[^"=,]*)';
  return new Map(
    [...text.matchAll(new RegExp(`${word}=${word}(?:,|$)`, 'gsu'))].map((m) => [plainWord(m[1] ?? ''), plainWord(m[2] ?? '')]),
  );
}

function plainWord(text: string): string {
  return unescape(text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text);
}
