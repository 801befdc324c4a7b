/**
 * Rules of classification as text: parsed into data, and matched in time that grows with the text alone.
 *
 * The one rule: a rule is pieces of text that must follow each other, or a beginning of a reply (code, enhanced status); there is no
 * regular expression anywhere, so no rule and no reply can be slow (A49). Letters count without regard to case.
 * Not here: the table of a site (etc/bounce-rules.txt and override files), which class wins (bounce-classifier.ts).
 * Truth: rule BNC-10 for the override files; the table's own form is described at its top.
 */

export interface BounceRule {
  readonly code: number;
  /** Pieces that must be in the text, one behind the other. */
  readonly pieces: readonly string[];
  /** The reply must have this status: `5.1.1`, `5.1.` for all below, `550`, or a first digit. */
  readonly status: string | undefined;
  /** Only for mail to this domain, '' for all. */
  readonly domain: string;
  /** A reply that the rule is for: each is a test. */
  readonly example: string | undefined;
  /** As written, for people. */
  readonly text: string;
}

export interface RuleProblem {
  readonly line: number;
  readonly message: string;
}

export interface RuleTable {
  readonly replies: readonly BounceRule[];
  /** For bounces that came as mail: their subject and text. */
  readonly notices: readonly BounceRule[];
  readonly problems: readonly RuleProblem[];
}

/** Rules of one table; what is beyond is a problem that is told. */
const bounceRulesMax = 20_000;

/** Characters of a text that rules look at. */
const classifiedTextMax = 8192;

/** Where `rule` is the pattern of an override file: with a bar, bars stand for anything; without, it is plain text. */
function piecesOf(rule: string, wildcard: string): string[] {
  return rule
    .toLowerCase()
    .split(wildcard)
    .filter((piece) => piece !== '');
}

/**
 * The table of a site: sections `[replies]` and `[notices]`, in them a rule a line:
 * `code | status or nothing | pieces with * between | example`.
 */
export function parseRuleTable(text: string): RuleTable {
  const replies: BounceRule[] = [];
  const notices: BounceRule[] = [];
  const problems: RuleProblem[] = [];
  let into: BounceRule[] | undefined;
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = raw.trim();
    const fail = (message: string): void => void problems.push({ line: index + 1, message });
    if (line === '' || line.startsWith('#')) return;
    if (line === '[replies]') into = replies;
    else if (line === '[notices]') into = notices;
    else if (into === undefined) fail('a rule stands before [replies] or [notices]');
    else if (into.length >= bounceRulesMax) fail(`more than ${bounceRulesMax} rules; this one does not count`);
    else {
      const rule = tableRule(line);
      if (typeof rule === 'string') fail(rule);
      else into.push(rule);
    }
  });
  return { replies, notices, problems };
}

function tableRule(line: string): BounceRule | string {
  const fields = line.split('|').map((field) => field.trim());
  if (fields.length !== 4) return `expected "code | status | words | example", which are four fields, not ${fields.length}`;
  const [code = '', status = '', words = '', example = ''] = fields;
  if (!/^\d{1,3}$/.test(code)) return `"${code}" is no class: expected a number`;
  if (status !== '' && !/^([245]|[245]\d\d|[245]\.\d{1,3}\.(\d{1,3})?)$/.test(status)) {
    return `"${status}" is no status: expected 5, 550, 5.1.1, or 5.1. for all of them`;
  }
  const pieces = piecesOf(words, '*').map((piece) => piece.trim());
  if (status === '' && pieces.length === 0) return 'a rule needs a status or words';
  return { code: Number(code), pieces, status: status || undefined, domain: '', example: example || undefined, text: line };
}

/** An override file (BNC-10): `domain,code,rule` for replies, `code,rule` for notices. */
export function parseOverrides(
  text: string,
  kind: 'smtp' | 'mdn',
  isClass: (code: number) => boolean,
): { rules: BounceRule[]; problems: RuleProblem[] } {
  const rules: BounceRule[] = [];
  const problems: RuleProblem[] = [];
  text.split(/\r?\n/).forEach((raw, index) => {
    if (raw.trim() === '' || raw.startsWith('#')) return;
    const fail = (message: string): void => void problems.push({ line: index + 1, message });
    const match = kind === 'smtp' ? /^([^,]*),\s*(\d{1,3})\s*,(.+)$/.exec(raw) : /^()\s*(\d{1,3})\s*,(.+)$/.exec(raw);
    if (match === null) return fail(`expected "${kind === 'smtp' ? 'domain,code,rule' : 'code,rule'}"`);
    const code = Number(match[2]);
    const words = match[3] as string;
    if (!isClass(code)) return fail(`${code} is no class: expected one of the documented codes or of custom_classes`);
    if (rules.length >= bounceRulesMax) return fail(`more than ${bounceRulesMax} rules; this one does not count`);
    const pieces = piecesOf(words, '|');
    if (pieces.length === 0) return fail('the rule has no text');
    const domain = (match[1] ?? '').trim().toLowerCase();
    rules.push({ code, pieces, status: undefined, domain, example: undefined, text: raw.trim() });
  });
  return { rules, problems };
}

/** What rules are held against: made once for a text. */
interface BounceText {
  readonly lower: string;
  /** 550, '' when the text is no reply. */
  readonly code: string;
  /** 5.1.1, '' when there is none. */
  readonly enhanced: string;
}

export function bounceText(text: string): BounceText {
  const bounded = text.length > classifiedTextMax ? text.slice(0, classifiedTextMax) : text;
  const match = /^([245]\d\d)(?:[ -]+([245]\.\d{1,3}\.\d{1,3})(?![\d.]))?/.exec(bounded);
  const anywhere = match?.[2] ?? /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])/.exec(bounded)?.[1];
  return { lower: bounded.toLowerCase(), code: match?.[1] ?? '', enhanced: anywhere ?? '' };
}

export function matchesRule(rule: BounceRule, text: BounceText): boolean {
  const { status } = rule;
  if (status !== undefined && !hasStatus(status, text)) return false;
  let from = 0;
  for (const piece of rule.pieces) {
    const at = text.lower.indexOf(piece, from);
    if (at < 0) return false;
    from = at + piece.length;
  }
  return true;
}

function hasStatus(status: string, { code, enhanced }: BounceText): boolean {
  if (status.length === 1) return code.startsWith(status) || (code === '' && enhanced.startsWith(status));
  if (!status.includes('.')) return code === status;
  return status.endsWith('.') ? enhanced.startsWith(status) : enhanced === status;
}
