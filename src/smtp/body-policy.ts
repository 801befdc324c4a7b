/**
 * The policies of rfc2822_* applied to a message while it streams in: header block, lone CR and LF, line length, size.
 *
 * The one rule: content goes through in flat memory and uncopied as long as nothing has to be changed; the first thing that
 * the rules refuse becomes `fault`, a reply for the end of the message, and from then on nothing comes out.
 * With Momentum's default a lone CR or LF in the body is kept as it came: it never ended DATA, and wire-body.ts never
 * sends it raw. It does not add trace headers: the caller writes them before the first push.
 * Truth: rules SMTP-04, SMTP-14, SMTP-16; attacks A13, A15, A16, A47.
 */
import { isAscii } from 'node:buffer';
import { HeaderWatch } from './header-watch.ts';
import type { BodyRules, HeaderFacts, MissingHeaders } from './header-watch.ts';
import { LineFolder } from './line-folder.ts';
import { firstLone, NewlineFixer } from './newline-fixer.ts';
import { replies } from './replies.ts';
import type { Reply } from './reply.ts';

export interface BodyFacts extends HeaderFacts {
  /** Octets of content as received, dots unstuffed. */
  size: number;
  eightBit: boolean;
  nul: boolean;
}

/** RFC 5322 section 2.1.1: octets of a line without CRLF. */
const LINE_MAX = 998;
const CR = 13;
const LF = 10;

/** The defaults of the options rfc2822_*, and no size limit. */
export const DEFAULT_BODY_RULES: BodyRules = Object.freeze({
  loneInHeaders: 'pedantic',
  loneInBody: 'ignore',
  lineMax: 0,
  longHeaderLine: 'ignore',
  longBodyLine: 'ignore',
  missingHeaders: 'reject',
  dateHeader: 'ifneeded',
  messageIdHeader: 'ifneeded',
  dropReturnPath: true,
  sizeMax: 0,
});

/**
 * The line rules that rfc2822_max_line_length (ignore, pedantic, fix or a number) and rfc2822_max_line_length_policy
 * (none, fix, reject) mean together: pedantic and fix set 998 and what to do; a number needs the policy to say what to do;
 * a policy without a number uses 998. The policy `fix` folds bodies only, as its page says.
 */
export function lineRules(
  length: string | number | undefined,
  policy: string | undefined,
): Pick<BodyRules, 'lineMax' | 'longHeaderLine' | 'longBodyLine'> {
  if (length === 'pedantic') return { lineMax: LINE_MAX, longHeaderLine: 'reject', longBodyLine: 'reject' };
  if (length === 'fix') return { lineMax: LINE_MAX, longHeaderLine: 'fold', longBodyLine: 'fold' };
  const number = Number(length);
  const lineMax = Number.isSafeInteger(number) && number > 0 ? number : LINE_MAX;
  if (policy === 'reject') return { lineMax, longHeaderLine: 'reject', longBodyLine: 'reject' };
  if (policy === 'fix') return { lineMax, longHeaderLine: 'ignore', longBodyLine: 'fold' };
  return { lineMax: 0, longHeaderLine: 'ignore', longBodyLine: 'ignore' };
}

export class BodyPolicy {
  readonly #header: HeaderWatch;
  readonly #fixer: NewlineFixer;
  readonly #folder: LineFolder;
  readonly #sink: (content: Buffer) => void;
  #rules: BodyRules = DEFAULT_BODY_RULES;
  #fault: Reply | undefined;
  #size = 0;
  #eightBit = false;
  #nul = false;
  #inBody = false;
  /** Octets of the body line begun, and whether the last one pushed was CR. */
  #lineLength = 0;
  #afterCr = false;

  /**
   * @param sink gets the content to store
   * @param missing is asked once a message for Date and Message-ID headers that are not there
   */
  constructor(sink: (content: Buffer) => void, missing: MissingHeaders) {
    this.#sink = sink;
    this.#folder = new LineFolder(sink);
    this.#fixer = new NewlineFixer((bytes) => this.#give(bytes));
    this.#header = new HeaderWatch((bytes) => this.#give(bytes), missing);
  }

  /** Makes ready for a message. */
  begin(rules: BodyRules): void {
    this.#rules = rules;
    this.#fault = undefined;
    this.#size = this.#lineLength = 0;
    this.#eightBit = this.#nul = this.#inBody = this.#afterCr = false;
    this.#header.begin(rules);
    this.#fixer.begin();
    this.#folder.begin(rules.lineMax, true);
  }

  /** What the rules refuse, as the reply to give when the whole message was read. */
  get fault(): Reply | undefined {
    return this.#fault;
  }

  get facts(): BodyFacts {
    return { ...this.#header.facts, size: this.#size, eightBit: this.#eightBit, nul: this.#nul };
  }

  push(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#fault !== undefined || chunk.length === 0) return;
    if (this.#rules.sizeMax > 0 && this.#size > this.#rules.sizeMax) {
      this.#fault = replies.messageTooLarge;
      return;
    }
    if (!this.#eightBit) this.#eightBit = !isAscii(chunk);
    if (!this.#nul) this.#nul = chunk.includes(0);
    if (this.#inBody) {
      this.#body(chunk);
      return;
    }
    const body = this.#header.push(chunk);
    this.#fault = this.#header.fault;
    if (body !== undefined) this.#enterBody(body);
  }

  /** The message is complete: gives out what was held back; the fault, if any. */
  end(): Reply | undefined {
    // Whatever else was found first: too large is too large, in every split of the message.
    if (this.#rules.sizeMax > 0 && this.#size > this.#rules.sizeMax) this.#fault = replies.messageTooLarge;
    if (this.#fault !== undefined) return this.#fault;
    if (!this.#inBody) {
      const body = this.#header.end();
      this.#fault = this.#header.fault;
      if (body !== undefined) this.#enterBody(body);
      if (this.#fault !== undefined) return this.#fault;
    }
    if (this.#afterCr && this.#rules.loneInBody === 'pedantic') this.#fault = replies.loneInBody;
    if (this.#fault === undefined) {
      this.#fixer.end();
      this.#folder.end();
    }
    return this.#fault;
  }

  /** Everything to store passes here: through the folder where lines are to be folded. */
  #give(bytes: Buffer): void {
    const fold = this.#inBody ? this.#rules.longBodyLine : this.#rules.longHeaderLine;
    if (fold === 'fold') this.#folder.push(bytes);
    else this.#sink(bytes);
  }

  #enterBody(body: Buffer): void {
    if (this.#rules.longHeaderLine === 'fold') this.#folder.end();
    this.#inBody = true;
    this.#folder.begin(this.#rules.lineMax, false);
    this.#body(body);
  }

  #body(chunk: Buffer): void {
    if (chunk.length === 0) return;
    const { loneInBody, longBodyLine } = this.#rules;
    if (loneInBody === 'pedantic' || longBodyLine === 'reject') {
      this.#inspect(chunk);
      if (this.#fault !== undefined) return;
    }
    if (loneInBody === 'fix') this.#fixer.push(chunk);
    else this.#give(chunk);
  }

  /** Looks for what the body rules refuse; of several faults the first in the message is the one. */
  #inspect(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    const heldCr = this.#afterCr;
    const lone = this.#rules.loneInBody === 'pedantic' ? loneIndex(text, heldCr) : -1;
    if (this.#rules.longBodyLine === 'reject') this.#measure(lone < 0 ? text : text.slice(0, lone), heldCr && lone !== 0);
    if (lone >= 0) this.#fault ??= replies.loneInBody;
    this.#afterCr = chunk[chunk.length - 1] === CR;
  }

  /** Lengths of lines ended by LF, CR before it not counted; a CR at the end of the text is counted with the next. */
  #measure(text: string, heldCr: boolean): void {
    const max = this.#rules.lineMax;
    if (heldCr && text.charCodeAt(0) !== LF) this.#lineLength++;
    let at = 0;
    for (let lf = text.indexOf('\n'); lf >= 0; lf = text.indexOf('\n', at)) {
      const hasCr = lf > at && text.charCodeAt(lf - 1) === CR;
      if (this.#lineLength + lf - at - (hasCr ? 1 : 0) > max) this.#fault = replies.bodyLineTooLong;
      this.#lineLength = 0;
      at = lf + 1;
    }
    this.#lineLength += text.length - at - (text.endsWith('\r') ? 1 : 0);
    if (this.#lineLength > max) this.#fault = replies.bodyLineTooLong;
  }
}

/** Index of the first lone CR or LF; 0 also stands for a CR held from the chunk before that proves to be lone. */
function loneIndex(text: string, heldCr: boolean): number {
  if (!heldCr) return firstLone(text);
  if (text.charCodeAt(0) !== LF) return 0;
  const found = firstLone(text.slice(1));
  return found < 0 ? -1 : found + 1;
}
