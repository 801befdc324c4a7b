/**
 * The logs as a program reads them: strict grammars for mainlog, rejectlog and paniclog.
 *
 * The one rule: a line that the grammar does not cover is an error of the server, so every reader here throws on one; that is
 * how scenarios prove that nothing a peer sends can break a log (A75). Lines are written some time after the reply.
 * Truth: LOG-01, LOG-02, sections 15.1, 15.2 and 15.4 of the rules.
 */
import { readFileSync, existsSync } from 'node:fs';
import { until, type Server } from './server.ts';

export interface MainRecord {
  readonly at: number;
  readonly messageId: string;
  readonly batchId: string;
  readonly connectionId: string;
  readonly kind: string;
  /** Fields 5 and following, unescaped. */
  readonly fields: readonly string[];
}

export interface RejectRecord {
  readonly remote: string;
  readonly local: string;
  readonly connectionId: string;
  readonly pathway: string;
  readonly phase: string;
  readonly code: number;
  readonly module: string;
  readonly connection: ReadonlyMap<string, string>;
  readonly message: ReadonlyMap<string, string>;
  readonly text: string;
}

const id = /^[0-9A-F]{2}\/[0-9A-F]{2}-\d{5}-[0-9A-F]{8}$/;
const printable = /^[^\p{Cc}\u2028\u2029]*$/u;
const fieldCounts: Readonly<Record<string, number>> = { R: 9, D: 7, X: 7, T: 9, P: 9 };

/** Whole lines of a log; a last line without its end, bytes that are no UTF-8 and control characters are errors. */
export function linesOf(server: Server, name: string): string[] {
  const path = server.path(name);
  if (!existsSync(path)) return [];
  const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  if (text !== '' && !text.endsWith('\n')) throw new Error(`${name} ends in the middle of a line`);
  const lines = text.split('\n').slice(0, -1);
  for (const line of lines) if (!printable.test(line)) throw new Error(`${name} holds a control character: ${JSON.stringify(line)}`);
  return lines;
}

function unescape(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})|u\{([0-9a-f]+)\}|(.))/g,
    (_, x: string | undefined, u: string | undefined, c: string | undefined) => {
      if (x !== undefined || u !== undefined) return String.fromCodePoint(parseInt((x ?? u)!, 16));
      return c === 'n' ? '\n' : c === 'r' ? '\r' : c === 't' ? '\t' : c!;
    },
  );
}

/** Every record of mainlog.ec; heartbeats are left out. */
export function mainRecords(server: Server, kind?: string): MainRecord[] {
  const records = linesOf(server, 'mainlog.ec')
    .filter((line) => !/^\d+@@@@M1$/.test(line))
    .map((line) => {
      const parts = line.match(/(?:^|@)(?:[^@\\]|\\.)*/g)?.map((part, i) => unescape(i === 0 ? part : part.slice(1))) ?? [];
      const [at = '', messageId = '', batchId = '', connectionId = '', type = '', ...fields] = parts;
      const isWhole = /^\d{10}$/.test(at) && id.test(messageId) && id.test(batchId) && (id.test(connectionId) || connectionId === '');
      if (!isWhole || fields.length !== fieldCounts[type]) throw new Error(`no record: ${line}`);
      return { at: Number(at), messageId, batchId, connectionId, kind: type, fields };
    });
  return kind === undefined ? records : records.filter((record) => record.kind === kind);
}

const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
const word = '(?:[\\w.:/+@-]*|"(?:[^"\\\\]|\\\\.)*")';
const list = `\\[((?:${word}=${word}(?:,${word}=${word})*)?)\\]`;
const rejectLine = new RegExp(
  `^\\d{10}: R=${quoted} L=${quoted} C=${quoted} PATH=${quoted} PATH_GRP=${quoted} P=${quoted} E=(\\d{3}) M=(${word}) CTXCONN=${list} CTXMESS=${list} (.*)$`,
);

function pairsOf(text: string): Map<string, string> {
  const plain = (value: string) => unescape(value.startsWith('"') ? value.slice(1, -1) : value);
  return new Map([...text.matchAll(new RegExp(`(${word})=(${word})(?:,|$)`, 'g'))].map((m) => [plain(m[1]!), plain(m[2]!)]));
}

/** Every record of rejectlog.ec. */
export function rejectRecords(server: Server): RejectRecord[] {
  return linesOf(server, 'rejectlog.ec')
    .filter((line) => !/^\d+: Marker 1$/.test(line))
    .map((line) => {
      const m = rejectLine.exec(line);
      if (!m) throw new Error(`no record: ${line}`);
      const [, remote, local, connectionId, pathway, , phase, code, module, connection, message, text] = m;
      return {
        remote: unescape(remote!),
        local: unescape(local!),
        connectionId: connectionId!,
        pathway: unescape(pathway!),
        phase: phase!,
        code: Number(code),
        module: unescape(module!),
        connection: pairsOf(connection!),
        message: pairsOf(message!),
        text: unescape(text!),
      };
    });
}

/** Every line of paniclog.ec: what stands behind the time and the module. */
export function panicTexts(server: Server): string[] {
  return linesOf(server, 'paniclog.ec').map((line) => {
    const m = /^\d{10}:[\w-]+: (.*)$/.exec(line);
    if (!m) throw new Error(`no panic line: ${line}`);
    return unescape(m[1]!);
  });
}

/** Waits for a panic line that matches, and gives it. */
export async function panicMatching(server: Server, pattern: RegExp): Promise<string> {
  await until(
    () => panicTexts(server).some((text) => pattern.test(text)),
    () => `a panic line like ${pattern}; there is:\n${panicTexts(server).join('\n')}`,
    15,
  );
  return panicTexts(server).find((text) => pattern.test(text))!;
}

/** Waits until mainlog holds `count` records of a kind that match. */
export async function mainMatching(
  server: Server,
  kind: string,
  count: number,
  match: (record: MainRecord) => boolean = () => true,
): Promise<MainRecord[]> {
  await until(
    () => mainRecords(server, kind).filter(match).length >= count,
    () => `${count} ${kind} records, ${mainRecords(server, kind).filter(match).length} are there`,
    30,
  );
  return mainRecords(server, kind).filter(match);
}

/** Waits until rejectlog holds a record that matches, and gives it. */
export async function rejectMatching(server: Server, match: (record: RejectRecord) => boolean): Promise<RejectRecord> {
  await until(
    () => rejectRecords(server).some(match),
    () => `a reject record; there is:\n${linesOf(server, 'rejectlog.ec').slice(-5).join('\n')}`,
    15,
  );
  return rejectRecords(server).find(match)!;
}
