/**
 * The body of one message on its way from the connection to its draft.
 *
 * The one rule: octets go through once: end mark or count (#smtp), rules (BodyPolicy), draft. Only small pieces are copied together, so
 * that a body that comes byte by byte takes no more memory than its octets (A58). What comes in is lent (#net): a draft that keeps what it is given gets a copy,
 * one that copies by itself, as for a large message on its way to the disk, gets it as it is.
 * When the rules refuse, the rest is read and dropped, and `failure` holds the reply for the end. When the draft is full,
 * `isFull` asks the session to stop reading its socket.
 * Bound: `DROPPED_BYTES_MAX` octets of a refused body; a client that goes on is cut off (`isHopeless`).
 * Not here: replies, headers to add (trace.ts). Truth: SMTP-14; attacks A01 to A23.
 */
import type { MessageDraft } from '#intake';
import { BdatReader, BodyPolicy, DataReader, type BodyFacts, type BodyRules, type MissingHeaders, type Reply } from '#smtp';

/** Octets of a refused body that are read for the sake of a well-behaved reply at its end. */
const DROPPED_BYTES_MAX = 64 * 1024 * 1024;

/** Pieces with fewer octets than this are gathered: each piece costs about 200 more, whatever its length. */
const SMALL_PIECE = 512;

/** Octets gathered before they are passed on; the first piece of a message is smaller, because most slow bodies never get far. */
const GATHERED_FIRST = 256;
const GATHERED_MAX = 4096;

/** Between messages nothing of the last one is held. */
const NOTHING_MISSING: MissingHeaders = () => undefined;

type Mode = 'none' | 'data' | 'chunk' | 'skip';

export class BodyIntake {
  /** Told when the draft has room again. */
  onRoom: (() => void) | undefined;
  #mode: Mode = 'none';
  #draft: MessageDraft | undefined;
  #policy: BodyPolicy | undefined;
  #missing: MissingHeaders = NOTHING_MISSING;
  #isOpen = false;
  #data: DataReader | undefined;
  #chunk: BdatReader | undefined;
  #failure: Reply | undefined;
  #isFull = false;
  #dropped = 0;
  #onEnd: (() => void) | undefined;
  #gathered: Buffer | undefined;
  #gatheredLength = 0;

  /** Whether the next octets are a body's, not a command's. */
  get isReading(): boolean {
    return this.#mode !== 'none';
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  get isHopeless(): boolean {
    return this.#dropped > DROPPED_BYTES_MAX;
  }

  /** The reply that the message will get, once it is clear that it is refused. */
  get failure(): Reply | undefined {
    return this.#failure ?? (this.#isOpen ? this.#policy?.fault : undefined);
  }

  /** Whether the octets of this body are not kept any more but copied to the disk: then large reads cost no memory. */
  get isStreaming(): boolean {
    return this.#mode !== 'none' && this.#draft?.isCopying === true;
  }

  get draft(): MessageDraft | undefined {
    return this.#draft;
  }

  /** Octets that are lost when the message is given up now. */
  get abandonedSize(): number {
    return this.#draft === undefined ? 0 : this.#draft.abandonedSize + this.#gatheredLength;
  }

  get facts(): BodyFacts | undefined {
    return this.#isOpen ? this.#policy?.facts : undefined;
  }

  /** A message begins: its draft (none when it is only read), with the trace headers in it, and the rules for what follows. */
  open(draft: MessageDraft | undefined, rules: BodyRules, missing: MissingHeaders): void {
    this.drop();
    this.#isOpen = true;
    this.#draft = draft;
    this.#missing = missing;
    if (draft !== undefined) {
      draft.onDrain = () => {
        this.#isFull = false;
        this.onRoom?.();
      };
    }
    this.#policy ??= new BodyPolicy(
      (content) => this.#store(content),
      (need) => this.#missing(need),
    );
    this.#policy.begin(rules);
  }

  beginData(onEnd: () => void): void {
    this.#mode = 'data';
    this.#onEnd = onEnd;
    this.#data ??= new DataReader((content) => this.#policy?.push(content));
    this.#data.begin();
  }

  beginChunk(size: number, onEnd: () => void): void {
    this.#readChunk('chunk', size, onEnd);
  }

  /** Reads a chunk that is not wanted. */
  skip(size: number, onEnd: () => void): void {
    this.#readChunk('skip', size, onEnd);
  }

  /** Takes octets; returns how many were the body's. When it is complete, what was given at its beginning is called. */
  push(bytes: Buffer): number {
    const isData = this.#mode === 'data';
    const reader = isData ? this.#data : this.#chunk;
    if (reader === undefined) return 0;
    const used = reader.push(bytes);
    if (isData && this.failure !== undefined) this.#dropped += used;
    if (reader.done) this.#end();
    return used;
  }

  /** Every octet was read: what was held back goes out; the reply when the message is refused. */
  complete(): Reply | undefined {
    const refusal = this.#failure ?? (this.#isOpen ? this.#policy?.end() : undefined);
    this.#passOn();
    return refusal;
  }

  /** Refuses the message, whatever follows. */
  fail(reply: Reply): void {
    this.#failure ??= reply;
  }

  /** Forgets the message; its draft is aborted unless it was taken out by `release`. */
  drop(): void {
    this.#draft?.abort();
    this.release();
  }

  /** The draft is on its own now. */
  release(): void {
    this.#draft = undefined;
    this.#missing = NOTHING_MISSING;
    this.#isOpen = false;
    this.#failure = undefined;
    this.#isFull = false;
    this.#dropped = 0;
    this.#gathered = undefined;
    this.#gatheredLength = 0;
  }

  #readChunk(mode: 'chunk' | 'skip', size: number, onEnd: () => void): void {
    this.#chunk ??= new BdatReader((content) => this.#receive(content));
    this.#mode = mode;
    this.#onEnd = onEnd;
    this.#chunk.begin(size);
    if (size === 0) this.#end();
  }

  #store(content: Buffer): void {
    const draft = this.#draft;
    if (draft === undefined) return;
    if (content.length < SMALL_PIECE) {
      this.#gather(content);
      return;
    }
    this.#passOn();
    if (draft.append(draft.isCopying ? content : ownCopy(content)) === false) this.#isFull = true;
  }

  #gather(content: Buffer): void {
    if (this.#gathered !== undefined && this.#gatheredLength + content.length > this.#gathered.length) this.#passOn(GATHERED_MAX);
    this.#gathered ??= Buffer.allocUnsafeSlow(Math.max(GATHERED_FIRST, content.length));
    this.#gatheredLength += content.copy(this.#gathered, this.#gatheredLength);
  }

  /** The draft keeps what it is given: what follows is gathered in memory of its own, of `nextSize` octets when more is expected. */
  #passOn(nextSize = 0): void {
    const gathered = this.#gathered?.subarray(0, this.#gatheredLength);
    this.#gathered = nextSize > 0 ? Buffer.allocUnsafeSlow(nextSize) : undefined;
    this.#gatheredLength = 0;
    if (gathered !== undefined && gathered.length > 0 && this.#draft?.append(gathered) === false) this.#isFull = true;
  }

  #receive(content: Buffer): void {
    if (this.#mode === 'skip') {
      this.#dropped += content.length;
      return;
    }
    if (this.failure !== undefined) this.#dropped += content.length;
    this.#policy?.push(content);
  }

  #end(): void {
    this.#mode = 'none';
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.();
  }
}

/** Not out of the pool that small buffers share: whoever keeps this keeps nothing else. */
function ownCopy(lent: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(lent.length);
  lent.copy(own);
  return own;
}
