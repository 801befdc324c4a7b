/**
 * The options rfc2822_* as the rules that #smtp applies to a message.
 *
 * The one rule: a value that no option page knows counts as the default; the checker has refused it long before.
 * Not here: applying them (#smtp's BodyPolicy). Truth: SMTP-14, SMTP-16.
 */
import { DEFAULT_BODY_RULES, lineRules, type BodyRules } from '#smtp';
import type { OptionRecord } from './option-record.ts';

export function bodyRulesFrom(o: OptionRecord, sizeMax: number): BodyRules {
  const length = o['rfc2822MaxLineLength'];
  const policy = o['rfc2822MaxLineLengthPolicy'];
  return {
    ...lineRules(
      typeof length === 'string' || typeof length === 'number' ? length : undefined,
      typeof policy === 'string' ? policy : undefined,
    ),
    loneInHeaders: oneOf(o['rfc2822LoneLfInHeaders'], ['pedantic', 'fix'], DEFAULT_BODY_RULES.loneInHeaders),
    loneInBody: oneOf(o['rfc2822LoneLfInBody'], ['ignore', 'pedantic', 'fix'], DEFAULT_BODY_RULES.loneInBody),
    missingHeaders: oneOf(o['rfc2822MissingHeaders'], ['reject', 'allow'], DEFAULT_BODY_RULES.missingHeaders),
    dateHeader: oneOf(o['rfc2822DateHeader'], ['ignore', 'pedantic', 'ifneeded'], DEFAULT_BODY_RULES.dateHeader),
    messageIdHeader: oneOf(o['rfc2822MessageidHeader'], ['ignore', 'ifneeded'], DEFAULT_BODY_RULES.messageIdHeader),
    dropReturnPath: o['rfc2822TraceHeaders'] !== false,
    sizeMax,
  };
}

function oneOf<T extends string>(value: unknown, legal: readonly T[], standard: T): T {
  return legal.find((word) => word === value) ?? standard;
}
