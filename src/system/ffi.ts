// The one place that loads native code: koffi, the C library and libpcre2, each at first use and per thread.
//
// The rule to know: a wrong signature crashes the process, so every native function is declared here, and nowhere else.
// Nothing is promised: where koffi or a library is missing, or was switched off, the answer is undefined and a plain reason.
// Signatures: the Linux manual pages of the functions, pcre2api(3).

import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';

type Native<A extends unknown[], R> = (...args: A) => R;
/** An address in native memory. */
export type Pointer = bigint;
type Bytes = Uint8Array;
type Words = Int32Array | Uint32Array;

interface LibC {
  errno(): number;
  flock: Native<[fd: number, operation: number], number>;
  socket: Native<[family: number, type: number, protocol: number], number>;
  connect: Native<[fd: number, address: Bytes, length: number], number>;
  send: Native<[fd: number, bytes: Bytes, length: number, flags: number], number>;
  close: Native<[fd: number], number>;
  prctl: Native<[option: number, a: number, b: number, c: number, d: number], number>;
  capget: Native<[header: Words, data: Words], number>;
  capset: Native<[header: Words, data: Words], number>;
  getsockopt: Native<[fd: number, level: number, name: number, value: Words, length: Words], number>;
  setsockopt: Native<[fd: number, level: number, name: number, value: Words, length: number], number>;
  getrlimit: Native<[resource: number, limit: BigUint64Array], number>;
  setrlimit: Native<[resource: number, limit: BigUint64Array], number>;
  /** With the arguments of sched_setattr only. */
  syscall: Native<[number: number, thread: number, attributes: Bytes, flags: number], number>;
  /** Not in every C library. */
  renameat2: Native<[fromDirectory: number, from: string, toDirectory: number, to: string, flags: number], number> | undefined;
}

export interface LibPcre {
  compile: Native<[pattern: Bytes, length: number, options: number, error: Words, offset: BigUint64Array, context: null], Pointer | null>;
  jitCompile: Native<[code: Pointer, options: number], number>;
  codeFree: Native<[code: Pointer], void>;
  matchDataCreate: Native<[code: Pointer, context: null], Pointer | null>;
  matchDataFree: Native<[data: Pointer], void>;
  match: Native<[code: Pointer, subject: Bytes, length: number, start: number, options: number, data: Pointer, context: Pointer], number>;
  matchContextCreate: Native<[context: null], Pointer | null>;
  setMatchLimit: Native<[context: Pointer, limit: number], number>;
  setDepthLimit: Native<[context: Pointer, limit: number], number>;
  setHeapLimit: Native<[context: Pointer, kibibytes: number], number>;
  errorMessage: Native<[code: number, buffer: Uint8Array, size: number], number>;
  /** The first `pairs` pairs of offsets of the last match. */
  offsets(data: Pointer, pairs: number): ArrayLike<bigint | number>;
}

interface State {
  isAllowed: boolean;
  koffi: typeof Koffi | undefined;
  koffiReason: string | undefined;
  libc: LibC | undefined;
  pcre: LibPcre | undefined;
  pcreReason: string | undefined;
}

const fresh = (isAllowed: boolean): State => ({
  isAllowed,
  koffi: undefined,
  koffiReason: undefined,
  libc: undefined,
  pcre: undefined,
  pcreReason: undefined,
});

let state = fresh(true);

export interface SystemAvailability {
  /** Calls into the C library work. */
  readonly ffi: boolean;
  /** PCRE2 is there; without it patterns go to a bounded substitute. */
  readonly pcre: boolean;
  /** Why something is missing, for people. */
  readonly reason?: string;
}

/** Allows or forbids native code in this thread from now on. The default allows it; main decides once, before its rooms start. */
export function configureSystem(o: { ffi: boolean }): void {
  if (state.isAllowed !== o.ffi) state = fresh(o.ffi);
}

/** What is available in this thread, and why not; loads the libraries if that has not happened. */
export function systemAvailable(): SystemAvailability {
  const ffi = libc() !== undefined;
  const pcre = libPcre() !== undefined;
  const reason = state.koffiReason ?? state.pcreReason;
  return reason === undefined ? { ffi, pcre } : { ffi, pcre, reason };
}

function optional<T>(load: () => T): T | undefined {
  try {
    return load();
  } catch {
    return undefined;
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

function loadKoffi(): typeof Koffi | undefined {
  if (state.koffi !== undefined || state.koffiReason !== undefined) return state.koffi;
  if (!state.isAllowed) {
    state.koffiReason = 'native calls are switched off';
    return undefined;
  }
  if (process.platform !== 'linux') {
    state.koffiReason = `native calls are known for Linux only, this is ${process.platform}`;
    return undefined;
  }
  try {
    state.koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  } catch (error) {
    state.koffiReason = `the package koffi cannot be loaded: ${wordsOf(error)}`;
  }
  return state.koffi;
}

/** The C library, or undefined (systemAvailable says why). */
export function libc(): LibC | undefined {
  if (state.libc !== undefined) return state.libc;
  const koffi = loadKoffi();
  if (koffi === undefined) return undefined;
  try {
    const lib = koffi.load(null);
    state.libc = {
      errno: () => koffi.errno(),
      flock: lib.func('int flock(int fd, int operation)'),
      socket: lib.func('int socket(int family, int type, int protocol)'),
      connect: lib.func('int connect(int fd, const void *address, uint32_t length)'),
      send: lib.func('long send(int fd, const void *bytes, size_t length, int flags)'),
      close: lib.func('int close(int fd)'),
      prctl: lib.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
      capget: lib.func('int capget(void *header, void *data)'),
      capset: lib.func('int capset(void *header, const void *data)'),
      getsockopt: lib.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
      setsockopt: lib.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)'),
      getrlimit: lib.func('int getrlimit(int resource, void *limit)'),
      setrlimit: lib.func('int setrlimit(int resource, const void *limit)'),
      syscall: lib.func('long syscall(long number, int thread, const void *attributes, unsigned int flags)'),
      renameat2: optional(() =>
        lib.func('int renameat2(int fromDirectory, const char *from, int toDirectory, const char *to, unsigned int flags)'),
      ),
    };
  } catch (error) {
    state.koffi = undefined;
    state.koffiReason = `the C library cannot be used: ${wordsOf(error)}`;
  }
  return state.libc;
}

/** libpcre2-8, or undefined (systemAvailable says why). */
export function libPcre(): LibPcre | undefined {
  if (state.pcre !== undefined || state.pcreReason !== undefined) return state.pcre;
  const koffi = loadKoffi();
  if (koffi === undefined) return undefined;
  try {
    const lib = koffi.load('libpcre2-8.so.0');
    const ovector = lib.func('void *pcre2_get_ovector_pointer_8(void *data)') as Native<[Pointer], Pointer>;
    state.pcre = {
      compile: lib.func(
        'void *pcre2_compile_8(const void *pattern, size_t length, uint32_t options, void *error, void *offset, void *context)',
      ),
      jitCompile: lib.func('int pcre2_jit_compile_8(void *code, uint32_t options)'),
      codeFree: lib.func('void pcre2_code_free_8(void *code)'),
      matchDataCreate: lib.func('void *pcre2_match_data_create_from_pattern_8(void *code, void *context)'),
      matchDataFree: lib.func('void pcre2_match_data_free_8(void *data)'),
      match: lib.func(
        'int pcre2_match_8(void *code, const void *subject, size_t length, size_t start, uint32_t options, void *data, void *context)',
      ),
      matchContextCreate: lib.func('void *pcre2_match_context_create_8(void *context)'),
      setMatchLimit: lib.func('int pcre2_set_match_limit_8(void *context, uint32_t limit)'),
      setDepthLimit: lib.func('int pcre2_set_depth_limit_8(void *context, uint32_t limit)'),
      setHeapLimit: lib.func('int pcre2_set_heap_limit_8(void *context, uint32_t kibibytes)'),
      errorMessage: lib.func('int pcre2_get_error_message_8(int code, void *buffer, size_t size)'),
      offsets: (data, pairs) => koffi.decode(ovector(data), 'size_t', pairs * 2) as ArrayLike<bigint | number>,
    };
  } catch (error) {
    state.pcreReason = `libpcre2-8.so.0 cannot be loaded: ${wordsOf(error)}`;
  }
  return state.pcre;
}
