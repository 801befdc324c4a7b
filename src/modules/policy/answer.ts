/**
 * From what a policy function returned to a decision: every form is checked, so that a mistake is an error and never a yes.
 *
 * The one rule: what is no Answer throws a TypeError that says what would be right; the session then hears 451.
 * Texts become one line of ASCII. Truth: POL-02, POL-07, POL-23; the types are in author.ts.
 */
import { TARPIT_MAX_MS, type Phase } from '#hooks';
import { asciiLine } from '#mail';
import type { Decision } from './messages.ts';

/** Before there is a sender nothing can be thrown away; a binding cannot refuse to be chosen. */
const WITHOUT_DISCARD: ReadonlySet<Phase> = new Set(['accept', 'connect', 'ehlo', 'set_binding']);

const ENHANCED = /^([245])\.(\d{1,3})\.(\d{1,3})\s+/;
const TEXT_MAX = 400;

export function readAnswer(phase: Phase, answer: unknown): { decision: Decision; tarpitMs: number } {
  if (isRecord(answer) && 'tarpit' in answer) {
    const { tarpit, answer: after } = answer;
    if (typeof tarpit !== 'number' || !(tarpit >= 0)) throw wrong(phase, answer, 'tarpit to be a number of seconds');
    return { decision: decide(phase, after), tarpitMs: Math.min(tarpit * 1000, TARPIT_MAX_MS) };
  }
  return { decision: decide(phase, answer), tarpitMs: 0 };
}

function decide(phase: Phase, answer: unknown): Decision {
  if (answer === undefined) return { kind: 'continue' };
  if (answer === 'accept') return { kind: 'done' };
  if (answer === 'disconnect') return { kind: 'disconnect', code: 421, enhanced: '4.7.0', text: 'service not available' };
  if (answer === 'discard') {
    if (WITHOUT_DISCARD.has(phase)) throw wrong(phase, answer, 'no discard in this phase');
    return { kind: 'discard' };
  }
  if (!isRecord(answer) || !('reject' in answer))
    throw wrong(phase, answer, 'undefined, "accept", "discard", "disconnect", { reject, text } or { tarpit, answer }');
  const { reject, text, disconnect } = answer;
  if (typeof reject !== 'number' || !Number.isInteger(reject) || reject < 400 || reject > 599)
    throw wrong(phase, answer, 'reject to be a code from 400 to 599');
  if (typeof text !== 'string' || text === '') throw wrong(phase, answer, 'text to be what the client reads');
  const [word, first] = ENHANCED.exec(text) ?? [];
  if (first !== undefined && Number(first) !== Math.floor(reject / 100))
    throw wrong(phase, answer, `an enhanced code that begins with ${Math.floor(reject / 100)}`);
  const said = asciiLine(word === undefined ? text : text.slice(word.length), TEXT_MAX);
  return { kind: disconnect === true ? 'disconnect' : 'reject', code: reject, enhanced: word?.trim(), text: said };
}

function wrong(phase: Phase, answer: unknown, expected: string): TypeError {
  let shown: string;
  try {
    shown = JSON.stringify(answer) ?? String(answer);
  } catch {
    shown = typeof answer;
  }
  return new TypeError(`${phase} returned ${shown.slice(0, 200)}: expected ${expected}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
