/**
 * What the desk asks of the rooms around it, and the plain data that it answers with.
 *
 * The one rule: everything that is answered can be copied between threads, and every list in it has a bound.
 * Not here: how answers become text (control/operations/queue), whom one asks (main). Truth: rules CON, section 5.1.
 */
import type { Clock, TimerWheel } from '#base';
import type { Envelope } from '#mail';
import type { Standing, WayView } from '#outbound';
import type { DomainQueue, Queues } from '#queue';

export interface DeskPorts {
  readonly queues: Queues;
  readonly clock: Clock;
  readonly wheel: Pick<TimerWheel, 'schedule' | 'cancel'>;
  /** Undefined where nothing is sent (the server runs without its queue service). */
  readonly standing: (queue: DomainQueue) => Standing | undefined;
  /** Where its mail goes; undefined before it had any. */
  readonly way: (queue: DomainQueue) => WayView | undefined;
  readonly envelope: (batchId: string, done: (envelope: Envelope | undefined) => void) => void;
  readonly body: (batchId: string, done: (body: Buffer | undefined) => void) => void;
  /** What policy says today of the binding of a recipient; undefined where it cannot be told. */
  readonly assign: (
    of: { envelope: Envelope; index: number; body: Buffer | undefined },
    done: (found: BindingName | undefined) => void,
  ) => void;
  /** Whether that needs the body. */
  readonly assignNeedsBody: () => boolean;
  /** A binding, or one of a group, for mail of a domain. */
  readonly binding: (name: string, domain: string) => BindingName | undefined;
  /** Names of the domain are asked anew, and its routes. */
  readonly refresh: (queue: DomainQueue) => void;
}

export interface BindingName {
  readonly group: string;
  readonly binding: string;
}

/** Which queues are meant; what is left out does not matter. */
export interface Which {
  readonly group?: string;
  readonly binding?: string;
  /** Names of queues. */
  readonly domains?: readonly string[];
}

export interface QueueLine {
  readonly group: string;
  readonly binding: string;
  readonly domain: string;
  readonly connections: number;
  readonly active: number;
  readonly delayed: number;
  readonly sent: number;
  readonly received: number;
  readonly failed: number;
  readonly deferred: number;
  readonly resident: number;
}

/** The largest queues first, and the sums over all that were meant. */
export interface QueueLines {
  readonly lines: readonly QueueLine[];
  readonly queues: number;
  readonly totals: Omit<QueueLine, 'group' | 'binding' | 'domain'>;
}

export interface MessageLine {
  readonly batchId: string;
  readonly group: string;
  readonly binding: string;
  /** The queue that it waits in. */
  readonly domain: string;
  readonly state: 'ready' | 'delayed' | 'underway';
  readonly sender: string;
  readonly recipients: readonly { readonly id: string; readonly address: string }[];
  readonly attempts: number;
  /** Epoch milliseconds; 0 is now. */
  readonly nextAt: number;
  readonly receivedAt: number;
  readonly size: number;
  readonly lastReply: string | undefined;
}
