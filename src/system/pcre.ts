// Patterns in the language the manual promises: PCRE, by the real library, in bounded time and memory.
//
// The rule to know: a match that passes the limit counts as "no match" and is counted in `exhausted`; a pattern such as (a+)+$
// stops in about a millisecond. Only the first 4096 bytes of a subject are looked at unless the owner asks for more. Strings are bytes in the encoding of the pattern (UTF-8 unless told latin1), buffers are
// taken as they are, NUL included. Native memory goes with `close`, or with the collector when somebody forgot.
// Without the library a substitute of V8 serves what it can serve in linear time and refuses the rest. Truth: pcre2api(3).

import { libPcre, systemAvailable } from './ffi.ts';
import type { LibPcre, Pointer } from './ffi.ts';
import type { PcreRegex, PcreResult } from './regex.ts';
import { compileSubstitute } from './substitute-regex.ts';

export interface PcreFlags {
  /** Letters match without regard to case (also settable in the pattern by `(?i)`). */
  caseless?: boolean;
  /** How strings become bytes, in patterns and subjects: utf8 (default; bytes, not characters, are matched) or latin1. */
  encoding?: 'utf8' | 'latin1';
  /** How many bytes of a subject are looked at; default 4096. More is more time: at 64 KiB an ordinary `.*a.*c.*d` can take a second. */
  longestSubject?: number;
}

/**
 * Steps, nesting and memory of one match. A step may run over the whole subject, which no limit of the library counts:
 * together with the length of the subject they keep a match within about ten milliseconds.
 */
export const pcreLimits = { match: 200_000, depth: 20_000, heapKibibytes: 8_192, patternBytes: 65_535, subjectBytes: 4_096 } as const;

const caselessOption = 0x8;
const neverBackslashC = 0x0010_0000;
const jitComplete = 1;
const noJit = 0x2000;
const errorNoMatch = -1;
const errorJitStack = -46;
const scratchBytes = 65_536;
/** An address to give where there is nothing to read: not every version of the library takes NULL. */
const oneByte = Buffer.alloc(1);

interface Handles {
  lib: LibPcre;
  code: Pointer;
  data: Pointer;
}

let sharedContext: { lib: LibPcre; context: Pointer } | undefined;
let scratch: Buffer | undefined;

function free(handles: Handles): void {
  handles.lib.matchDataFree(handles.data);
  handles.lib.codeFree(handles.code);
}

const forgotten = new FinalizationRegistry<Handles>(free);

function contextOf(lib: LibPcre): Pointer | undefined {
  if (sharedContext?.lib === lib) return sharedContext.context;
  const context = lib.matchContextCreate(null);
  if (context === null) return undefined;
  lib.setMatchLimit(context, pcreLimits.match);
  lib.setDepthLimit(context, pcreLimits.depth);
  lib.setHeapLimit(context, pcreLimits.heapKibibytes);
  sharedContext = { lib, context };
  return context;
}

class NativeRegex implements PcreRegex {
  exhausted = 0;
  readonly #encoding: 'utf8' | 'latin1';
  readonly #context: Pointer;
  readonly #longest: number;
  #handles: Handles | undefined;

  constructor(handles: Handles, context: Pointer, o: { encoding: 'utf8' | 'latin1'; longestSubject: number }) {
    this.#handles = handles;
    this.#context = context;
    this.#encoding = o.encoding;
    this.#longest = o.longestSubject;
    forgotten.register(this, handles, this);
  }

  test(subject: string | Buffer): boolean {
    return this.#match(subject) >= 0;
  }

  exec(subject: string | Buffer): string[] | undefined {
    const bytes = typeof subject === 'string' ? Buffer.from(subject, this.#encoding) : subject;
    const pairs = this.#match(bytes);
    if (pairs < 0 || this.#handles === undefined) return undefined;
    const offsets = this.#handles.lib.offsets(this.#handles.data, pairs);
    const groups: string[] = [];
    for (let i = 0; i < pairs; i += 1) {
      const from = Number(offsets[i * 2]);
      // A group that took no part has the largest size_t at both ends; \K may put the start behind the end.
      const to = Number(offsets[i * 2 + 1]);
      groups.push(from <= to && to <= bytes.length ? bytes.toString(this.#encoding, from, to) : '');
    }
    return groups;
  }

  close(): void {
    if (this.#handles === undefined) return;
    forgotten.unregister(this);
    free(this.#handles);
    this.#handles = undefined;
  }

  /** The number of pairs of offsets (1 or more), or a negative number when there is no match. */
  #match(subject: string | Buffer): number {
    const handles = this.#handles;
    if (handles === undefined) return errorNoMatch;
    let bytes: Buffer;
    let { length } = subject;
    if (typeof subject !== 'string') bytes = subject;
    else if (length * 3 <= scratchBytes) {
      bytes = scratch ??= Buffer.allocUnsafeSlow(scratchBytes);
      length = bytes.write(subject, this.#encoding);
    } else {
      bytes = Buffer.from(subject, this.#encoding);
      ({ length } = bytes);
    }
    if (length === 0) bytes = oneByte;
    else if (length > this.#longest) length = this.#longest;
    let result = handles.lib.match(handles.code, bytes, length, 0, 0, handles.data, this.#context);
    if (result === errorJitStack) result = handles.lib.match(handles.code, bytes, length, 0, noJit, handles.data, this.#context);
    if (result < errorNoMatch) this.exhausted += 1;
    return result === 0 ? 1 : result;
  }
}

/** Compiles; a wrong pattern gives the library's words and the place. The owner closes the regex when it is done with it. */
export function compilePcre(pattern: string | Buffer, flags: PcreFlags = {}): PcreResult {
  const { encoding = 'utf8', longestSubject = pcreLimits.subjectBytes } = flags;
  const bytes = typeof pattern === 'string' ? Buffer.from(pattern, encoding) : pattern;
  if (bytes.length > pcreLimits.patternBytes) {
    return { ok: false, message: `the pattern is longer than ${pcreLimits.patternBytes} bytes`, offset: pcreLimits.patternBytes };
  }
  const lib = libPcre();
  if (lib === undefined) {
    const result = compileSubstitute(bytes.toString('latin1'), { caseless: flags.caseless === true, encoding, longestSubject });
    return result.ok ? result : { ...result, message: `${result.message} (${systemAvailable().reason ?? 'no PCRE library'})` };
  }
  const error = new Int32Array(1);
  const offset = new BigUint64Array(1);
  const options = (flags.caseless === true ? caselessOption : 0) | neverBackslashC;
  const code = lib.compile(bytes.length === 0 ? oneByte : bytes, bytes.length, options, error, offset, null);
  if (code === null) return { ok: false, message: messageOf(lib, error[0] ?? 0), offset: Number(offset[0]) };
  const data = lib.matchDataCreate(code, null);
  const context = contextOf(lib);
  if (data === null || context === undefined) {
    if (data !== null) lib.matchDataFree(data);
    lib.codeFree(code);
    return { ok: false, message: 'no memory for a compiled pattern', offset: 0 };
  }
  lib.jitCompile(code, jitComplete); // Where it fails, matching is slower and nothing else.
  return { ok: true, regex: new NativeRegex({ lib, code, data }, context, { encoding, longestSubject }) };
}

function messageOf(lib: LibPcre, code: number): string {
  const buffer = Buffer.alloc(256);
  const length = lib.errorMessage(code, buffer, buffer.length);
  return length >= 0 ? buffer.toString('latin1', 0, length) : `error ${code}`;
}
