/*
 * Levels, subsystems, and which of their combinations are written: the Debug_Flags scope as bit masks.
 *
 * The default is everything at ERROR and CRITICAL and nothing below; a level that the configuration names has exactly the
 * subsystems it lists, so an empty list silences it. Names are compared without regard to case.
 * Truth: RT-06. The decimal masks of very old configurations are not understood (their bits are not documented).
 */

/** From least to most severe; the index is the manual's level number. */
export const levels = ['DEBUG', 'INFO', 'NOTICE', 'WARNING', 'ERROR', 'CRITICAL'] as const;
export type Level = (typeof levels)[number];

/** `ERROR` is the subsystem for what is nobody else's. */
export const subsystems = [
  'ERROR',
  'TIME',
  'FD',
  'SMTP',
  'LOG1',
  'DNS',
  'DNSDS',
  'NET',
  'SIG',
  'MEM',
  'DB',
  'LIC',
  'SSL',
  'MOD',
  'START',
] as const;
export type Subsystem = (typeof subsystems)[number];

/** One mask of subsystems for each level, in the order of `levels`. */
export type DebugFlags = readonly number[];

const all = 2 ** subsystems.length - 1;
const bitOf = new Map<string, number>([...subsystems.map((name, i): [string, number] => [name, 1 << i]), ['ALL', all]]);
const rankOf = Object.freeze(Object.fromEntries(levels.map((name, i) => [name, i]))) as Readonly<Record<Level, number>>;

export const defaultDebugFlags: DebugFlags = [0, 0, 0, 0, all, all];

/** 0 (DEBUG) to 5 (CRITICAL). */
export function rank(level: Level): number {
  return rankOf[level];
}

export function wants(flags: DebugFlags, level: Level, subsystem: Subsystem): boolean {
  return ((flags[rankOf[level]] as number) & (bitOf.get(subsystem) as number)) !== 0;
}

/** A level by its name in any case, or by its number. */
export function parseLevel(text: string): Level | undefined {
  const upper = text.trim().toUpperCase();
  return levels.find((name, i) => name === upper || String(i) === upper);
}

/**
 * The flags that a Debug_Flags scope gives: `lists` holds the words of the levels that it names.
 * Unknown words are ignored and returned, so that the caller can say where they stand.
 */
export function parseDebugFlags(lists: Partial<Record<Level, readonly string[]>>): { flags: DebugFlags; unknown: string[] } {
  const unknown: string[] = [];
  const flags = levels.map((level, i) => {
    const words = lists[level];
    if (words === undefined) return defaultDebugFlags[i] as number;
    let mask = 0;
    for (const word of words) {
      const bit = bitOf.get(word.toUpperCase());
      if (bit === undefined) unknown.push(word);
      else mask |= bit;
    }
    return mask;
  });
  return { flags, unknown };
}
