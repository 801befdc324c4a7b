/**
 * XSETCONTEXT and XDUMPCONTEXT: a trusted client writes and reads the contexts.
 *
 * The one rule: pairs are taken all or none; a dump has one line a key, connection before message, sorted, in the form of the
 * ecelerity.conf page. There the key `pathway` is not shown while it says only "default", as in that page's transcript.
 * Bounds: a dumped value is cut at `DUMP_VALUE_MAX` characters, so that a key stays on one line; the dictionaries have their own.
 * Truth: EXT-04, EXT-05, CTX-07, CTX-08; attack A30.
 */
import { decodeXtext, replies } from '#smtp';
import type { Session } from '../session-types.ts';
import { isTrusted } from './xclient.ts';

const DUMP_VALUE_MAX = 300;
const DUMP_KEY_MAX = 100;

export function xSetContext(s: Session, argument: string): void {
  if (!isTrusted(s, 'XSETCONTEXT')) return;
  const pairs = pairsOf(argument);
  if (pairs === undefined) {
    s.say(replies.parameterSyntax);
    return;
  }
  const isStored = pairs.every(([key, value]) => s.context.setConnection(key, value));
  s.say(isStored ? replies.done : replies.resourceLimitations);
}

export function xDumpContext(s: Session): void {
  if (!isTrusted(s, 'XDUMPCONTEXT')) return;
  const { connection, message } = s.context;
  const lines = [...linesOf('connection', connection), ...linesOf('message', message), 'XDUMPCONTEXT complete'];
  s.say({ code: 250, text: lines });
}

function pairsOf(argument: string): [string, string][] | undefined {
  const pairs: [string, string][] = [];
  for (const word of argument.split(' ')) {
    const at = word.indexOf('=');
    const key = at <= 0 ? undefined : decodeXtext(word.slice(0, at));
    const value = decodeXtext(word.slice(at + 1));
    if (key === undefined || key === '' || value === undefined) return undefined;
    pairs.push([key, value]);
  }
  return pairs;
}

function linesOf(name: string, keys: ReadonlyMap<string, string>): string[] {
  return [...keys]
    .filter(([key, value]) => key !== 'pathway' || value !== 'default')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `[${name}] ${key.slice(0, DUMP_KEY_MAX)} ${value.slice(0, DUMP_VALUE_MAX)}`);
}
