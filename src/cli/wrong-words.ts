/*
 * What is wrong with the words of a command line, as a person is told it.
 *
 * The one rule: parseArgs of Node adds to an unknown option how one would write a positional argument that begins with a dash. Hardly anybody
 * means that, and it stands in the way of the usage: it goes, here and for every command.
 */

export function wrongWords(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\. To specify a positional argument starting with[^]*$/, '');
}
