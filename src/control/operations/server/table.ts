/*
 * Columns for people: as wide as what is in them, numbers to the right.
 */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const width = head.map((title, i) => Math.max(title.length, ...rows.map((row) => String(row[i] ?? '').length)));
  const isNumber = head.map((_title, i) => rows.length > 0 && rows.every((row) => typeof row[i] === 'number'));
  const line = (cells: readonly (string | number)[]) =>
    cells
      .map((cell, i) => (isNumber[i] === true ? String(cell).padStart(width[i] ?? 0) : String(cell).padEnd(width[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)];
}

/** The answers of all loops as one list, each with its loop. */
export function gathered<T>(answers: ReadonlyMap<number, unknown>): (T & { loop: number })[] {
  return [...answers].flatMap(([loop, value]) => (Array.isArray(value) ? (value as T[]) : []).map((line) => ({ ...line, loop })));
}
