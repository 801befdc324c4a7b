/**
 * What the configuration's resolver gives for one kind of session, before anybody has read it.
 *
 * The one rule: the same settings give the same record, so what is made of one can be kept with it. Who reads it: session-rules.ts and its parts.
 */

/** One property an option, by its key. */
export type OptionRecord = Readonly<Record<string, unknown>>;
