/*
 * Who measures receptions in this loop: reception_timing, its lines through reception_timing_logger to the logs of chunk_logger.
 *
 * The one rule: the answer changes only with the configuration, so it is looked up once for each; where nobody measures it is undefined, and that is all
 * a session pays. However many stanzas of these modules there are, a reception is told once.
 * Not here: what is measured (inbound), the writing of files (chunk_logger). Truth: SMTP-22.
 */
import type { Clock } from '#base';
import type { Resolver } from '#config';
import type { ReceptionTimer } from '#hooks';
import { ReceptionTiming } from '#modules/reception_timing';
import { timingLines } from '#modules/reception_timing_logger';
import type { RecordSink } from '#observe';
import { isReceptionTimed } from './catalog.ts';

export function receptionTimer(
  resolver: Pick<Resolver, 'version' | 'snapshot'>,
  { clock, records }: { readonly clock: Clock; readonly records: RecordSink },
): () => ReceptionTimer | undefined {
  const timing = new ReceptionTiming(clock, (timed) => {
    for (const text of timingLines(timed)) records.record({ kind: 'C', at: timed.at, text });
  });
  let version = -1;
  let timer: ReceptionTimer | undefined;
  return () => {
    if (version !== resolver.version) {
      version = resolver.version;
      timer = isReceptionTimed(resolver.snapshot) ? timing : undefined;
    }
    return timer;
  };
}
