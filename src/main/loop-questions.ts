/*
 * What the console may ask of an event loop: questions by name, each with one answer, which is plain data.
 *
 * The one rule: a room answers through what it exports; main only names the question. A question whose answer could grow with the
 * mail bounds it by itself and works in slices, because a turn of the loop belongs to the mail. An unknown name is an error, not silence.
 * Not here: asking all loops and gathering (server.ts), how answers become text (control/operations).
 */
type LoopQuestion = (args: unknown) => unknown;

export class LoopQuestions {
  readonly #answers = new Map<string, LoopQuestion>();

  /** `answer` may give a promise. A name belongs to one room. */
  on(name: string, answer: LoopQuestion): void {
    if (this.#answers.has(name)) throw new Error(`two answers to the question "${name}"`);
    this.#answers.set(name, answer);
  }

  async ask(name: string, args: unknown): Promise<unknown> {
    const answer = this.#answers.get(name);
    if (answer === undefined) throw new Error(`no room of this loop answers "${name}"`);
    return answer(args);
  }
}
