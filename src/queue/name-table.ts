/**
 * Texts that many messages share (domains of senders, replies of peers), each kept once and named by a number.
 *
 * The one rule: whoever adds a text gives it back; at the last one the text goes and its number is used again. Bound: `max` texts; beyond it
 * `add` answers -1, and the caller keeps the text itself. Not here: what the texts are.
 */
export class NameTable {
  readonly #max: number;
  readonly #numbers = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#numbers.size;
  }

  add(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      if (this.#numbers.size >= this.#max) return -1;
      number = this.#free.pop() ?? this.#texts.length;
      // The text may be a slice of something long, which it would keep in memory.
      const own = Buffer.from(text, 'utf8').toString('utf8');
      this.#texts[number] = own;
      this.#uses[number] = 0;
      this.#numbers.set(own, number);
    }
    this.#uses[number] = (this.#uses[number] as number) + 1;
    return number;
  }

  textOf(number: number): string {
    return this.#texts[number] ?? '';
  }

  give(number: number): void {
    const uses = (this.#uses[number] as number) - 1;
    this.#uses[number] = uses;
    if (uses > 0) return;
    this.#numbers.delete(this.#texts[number] as string);
    this.#texts[number] = '';
    this.#free.push(number);
  }
}
