/**
 * The codes of all problems the language can report, as data: what is wrong in general and what would be right.
 *
 * The rule to know: a code is stable, scripts may match on it; the words are for people and may get better.
 * What it does not do: unknown options, wrong types and scopes in the wrong place are the config room's problems, not the language's.
 * Truth: rules CFG-02 to CFG-06, CFG-11.
 */

/** Code to general hint. A problem may carry a more exact hint of its own. */
export const syntaxProblems = {
  'unterminated-string': 'close the text with the same quotation mark that opened it',
  'unterminated-comment': "close the comment with '*/'; a comment that fills one line may begin with '#' instead",
  'unclosed-scope': "add the missing '}'",
  'unclosed-array': "close the list with ')'",
  'unclosed-dictionary': "close the dictionary with ']'",
  'unexpected-close': "remove the '}', or look for a '{' that is missing above",
  'unexpected-token': 'a statement begins with the name of an option or of a scope',
  'missing-value': "write 'Name = value'",
  'missing-equals': "write 'Name = value', or 'Name instance { ... }' for a scope",
  'missing-target': 'write include "path"',
  'bad-name': "a name begins with a letter and holds letters, digits, '_', '-', '.' and ':'",
  'needs-quotes': 'a value that holds white space or one of # / " \' = { } [ ] ( ) stands in quotation marks',
  'curly-quote': 'use the plain quotation mark " instead of the typographic one',
  'odd-space': 'replace the no-break space by a plain one',
  'control-character': 'remove the control character',
  semicolon: "statements have no terminator: remove the ';', or put the value in quotation marks if the ';' belongs to it",
  'too-deep': 'close the inner scopes',
  'too-many': 'correct the problems above first; those that follow from them will go with them',
} as const;

export type ProblemCode = keyof typeof syntaxProblems;

/** At most so many problems are listed for one file; the last one then says how many more there are. */
export const MAX_PROBLEMS = 100;

/** Scopes nest at most so deep; the text inside a deeper one is skipped with one problem. Momentum's own deepest legal nesting is 4. */
export const MAX_SCOPE_DEPTH = 100;

/** Dictionaries in dictionaries nest at most so deep. */
export const MAX_VALUE_DEPTH = 16;

/** A token longer than this is shortened in `near`. */
export const MAX_NEAR_LENGTH = 40;
