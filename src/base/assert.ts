// For what cannot happen. An assert that fails is a defect of ours, never the peer's or the operator's doing.
//
// The rule to know: whoever owns a session catches ImpossibleError, ends that session and goes on; only the cause
// is lost, not the process. Expected trouble (bad input, full disk, silent peer) is an error of its room instead.
// Truth: ARCHITECTURE.md, habit 10.

export class ImpossibleError extends Error {
  override readonly name = 'ImpossibleError';
}

/** Throws ImpossibleError when `cond` is not truthy. The message says what was believed. */
export function assert(cond: unknown, message: string): asserts cond {
  if (!cond) throw new ImpossibleError(message);
}

/** For the default branch of an exhaustive switch: the compiler refuses a forgotten case, the process reports a strange one. */
export function impossible(value: never, where: string): never {
  throw new ImpossibleError(`${where}: impossible value ${String(value)}`);
}
