/**
 * syntax: the language of ecelerity.conf, pure. Text to a tree and a list of problems, and back to the same bytes; edits that touch nothing
 * but their own range.
 *
 * It is not: the meaning of names and values, files and includes on disk, merging of repeated scopes, types. Those are the config room's.
 * Truth: rules CFG-02 to CFG-06, CFG-11, CFG-16, FB-12; how backslashes are read stands in text.ts.
 */
export { parseConf } from './parser.ts';
export { formatProblem, formatProblems } from './problem-text.ts';
export { printConf } from './print.ts';
export { foldName } from './tree.ts';
export type {
  ArrayValue,
  Body,
  ConfFile,
  DictionaryEntry,
  DictionaryValue,
  IncludeStatement,
  NoValue,
  OptionStatement,
  Place,
  Problem,
  ScopeStatement,
  Statement,
  Value,
  Word,
} from './tree.ts';
export { syntaxProblems } from './errors.ts';
export type { ProblemCode } from './errors.ts';
export { addScope, removeScope, setOption, unsetOption } from './edit.ts';
export type { Change, EditRefusal, EditResult, OptionPath, ScopeKey } from './edit.ts';
export { formatArray, formatDictionary, formatValue, formatWord } from './format-value.ts';
export type { Layout, NewValue } from './format-value.ts';
