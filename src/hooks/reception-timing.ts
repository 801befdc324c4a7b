/**
 * How long the reception of a message took: what a session asks for, and what comes of it.
 *
 * The one rule: a session asks at MAIL FROM and is given a stopwatch, or nothing where no such module runs; it then tells what it knows by
 * itself and never a time. Not here: the clock (the module reception_timing), the text of a line (reception_timing_logger). Truth: SMTP-22.
 */
type ReceptionOutcome = 'received' | 'rejected' | 'unexpected disconnect';

/** One message, as its reception ended. */
export interface ReceptionEnd {
  readonly outcome: ReceptionOutcome;
  /** Octets; undefined while the end of the body was not read. */
  readonly size: number | undefined;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly localIp: string;
  readonly localPort: number;
  readonly pathway: string;
  /** One for each line. */
  readonly messageIds: readonly string[];
  readonly batchId: string;
  /** What a policy kept of the Message-ID field, '' for nothing. */
  readonly messageIdField: string;
  /** Where it stood (SMTP-21); undefined for what was received. */
  readonly phase: { readonly number: number; readonly state: string } | undefined;
}

/** The same with its times. */
export interface TimedReception extends ReceptionEnd {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Since MAIL FROM. */
  readonly tookMs: number;
  /** Since the last octet of the body. */
  readonly scannedMs: number;
}

export interface ReceptionStopwatch {
  /** The last octet of the body is here. */
  bodyEnded(): void;
  tell(end: ReceptionEnd): void;
}

export interface ReceptionTimer {
  /** MAIL FROM is here. */
  begin(): ReceptionStopwatch;
}
