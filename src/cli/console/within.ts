/*
 * The patience of commands that talk to a server.
 *
 * The one rule: a server that says nothing for a minute is given up, in words (CON-08).
 */

/** Control_Client_Timeout of the manual, in milliseconds. */
const clientTimeoutMs = 60_000;

/** Rejects with a sentence when the server takes too long. */
export function within<T>(work: Promise<T>, endpoint: string): Promise<T> {
  return new Promise((done, fail) => {
    const timer = setTimeout(
      () => fail(new Error(`the console at ${endpoint} has not answered for ${clientTimeoutMs / 1000} s`)),
      clientTimeoutMs,
    );
    work.finally(() => clearTimeout(timer)).then(done, fail);
  });
}
