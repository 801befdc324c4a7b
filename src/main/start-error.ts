/*
 * Why the server does not start, in words for a person. Thrown on the way to "ready" and printed by the command.
 *
 * The one rule: it states the action, quotes the value and says what would be right; a stack trace is never shown.
 */
export class StartError extends Error {}
