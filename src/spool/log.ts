// One log as a whole: its files, its writer, what is known of its batches, and the cleaning behind it.
//
// The rule to know: all records of a batch lie in one log, the one of the loop that received it. When there are fewer loops now than then,
// a loop owns several logs, and notes go to the log of their batch; so no order between logs is ever needed.
// Truth: design section 6.

import type { Clock } from '#base';
import type { BatchIndex } from './batch-index.ts';
import type { SpoolFs } from './disk.ts';
import { GroupCommit } from './group-commit.ts';
import { logDirectory } from './layout.ts';
import { Reclaimer } from './reclaim.ts';
import { SegmentStore, type SegmentTable } from './segment-store.ts';

export interface LogOptions {
  disk: SpoolFs;
  clock: Clock;
  spool: string;
  spoolId: number;
  segmentBytes: number;
  fileMode: number;
  directoryMode: number;
  isDurable: boolean;
  table: SegmentTable;
  index: BatchIndex;
  preparesAhead?: boolean;
  later: ((ms: number, work: () => void) => void) | undefined;
  panic(text: string): void;
}

export class Log {
  readonly number: number;
  readonly store: SegmentStore;
  readonly group: GroupCommit;
  readonly reclaimer: Reclaimer;

  private constructor(number: number, store: SegmentStore, o: LogOptions) {
    this.number = number;
    this.store = store;
    this.group = new GroupCommit({
      disk: o.disk,
      store,
      clock: o.clock,
      panic: o.panic,
      later: o.later,
      onSealed: (segment) => this.reclaimer.sealed(segment),
    });
    this.reclaimer = new Reclaimer({ disk: o.disk, store, group: this.group, index: o.index, panic: o.panic });
  }

  static async open(number: number, o: LogOptions): Promise<Log> {
    const store = await SegmentStore.open({ ...o, directory: logDirectory(o.spool, number), log: number });
    return new Log(number, store, o);
  }

  async close(): Promise<void> {
    this.reclaimer.stop();
    await this.group.close();
    await this.reclaimer.idle();
    await this.store.close();
  }
}
