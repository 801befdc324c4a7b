/*
 * Which lines are shown, and how they belong together: a message is chosen by its reception, its other lines follow.
 *
 * The one rule: memory is bounded. Of MESSAGES_MAX messages it is remembered that they were chosen, or what belongs to them; beyond that
 * the oldest is printed as far as it was read, and forgotten. Not here: conditions (wish), forms (print).
 */
import type { LogLine } from './lines.ts';
import { choosesMessages, isAboutRejections, isChosen, isInTime, isWished, isWishedRejection, type Wish } from './wish.ts';

export const MESSAGES_MAX = 500_000;

export interface Group {
  readonly id: string;
  readonly lines: LogLine[];
  /** There is a line in it that was asked for; the others explain it. */
  isWished: boolean;
}

export class Selection {
  readonly #wish: Wish;
  readonly #max: number;
  readonly #show: (line: LogLine) => void;
  readonly #showGroup: (group: Group) => void;
  readonly #chosen = new Set<string>();
  readonly #groups = new Map<string, Group>();
  readonly #isGrouped: boolean;
  readonly #isFollowing: boolean;

  constructor(wish: Wish, o: { show: (line: LogLine) => void; showGroup: (group: Group) => void; messagesMax?: number }) {
    this.#wish = wish;
    this.#max = o.messagesMax ?? MESSAGES_MAX;
    this.#show = o.show;
    this.#showGroup = o.showGroup;
    this.#isGrouped = wish.isVerbose && !wish.isCount;
    // Alone, --from and its kin show receptions; counted or grouped, all that became of these messages.
    this.#isFollowing = choosesMessages(wish) && (wish.isVerbose || wish.isCount);
  }

  take(line: LogLine): void {
    if (line.kind === 'J') {
      if (isInTime(this.#wish, line) && isWishedRejection(this.#wish, line)) this.#show(line);
      return;
    }
    if (isAboutRejections(this.#wish)) return;
    if (line.kind === 'B' || line.kind === 'I' || line.kind === 'F') {
      if (this.#wish.isMainOnly) return;
    }
    const wish = this.#wish;
    const isOfChosen = this.#isOfChosen(line);
    const isShown = isOfChosen && isWished(wish, line) && isInTime(wish, line) && (wish.kinds?.has(line.kind) ?? true);
    if (this.#isGrouped) this.#group(line, isShown, isOfChosen);
    else if (isShown) this.#show(line);
  }

  end(): void {
    for (const group of this.#groups.values()) if (group.isWished) this.#showGroup(group);
    this.#groups.clear();
  }

  #isOfChosen(line: LogLine): boolean {
    if (!choosesMessages(this.#wish)) return true;
    const namesBoth = line.kind === 'R' || line.kind === 'B';
    const isChosenHere = namesBoth && isChosen(this.#wish, line);
    if (!this.#isFollowing) return line.kind === 'R' && isChosenHere;
    if (line.kind === 'R' && isChosenHere) {
      this.#chosen.add(line.id);
      if (this.#chosen.size > this.#max) for (const oldest of this.#chosen) return this.#chosen.delete(oldest);
    }
    return isChosenHere || this.#chosen.has(line.id);
  }

  /** The reception of a message is kept for the lines that may come, the others when they are wished. */
  #group(line: LogLine, isShown: boolean, isOfChosen: boolean): void {
    if (!isShown && !(line.kind === 'R' && isOfChosen)) return;
    let group = this.#groups.get(line.id);
    if (group === undefined) {
      group = { id: line.id, lines: [], isWished: false };
      this.#groups.set(line.id, group);
    }
    group.lines.push(line);
    if (isShown) group.isWished = true;
    if (this.#groups.size <= this.#max) return;
    for (const [id, oldest] of this.#groups) {
      if (oldest.isWished) this.#showGroup(oldest);
      this.#groups.delete(id);
      return;
    }
  }
}
