/*
 * Commands about queues and the mail in them.
 */
import type { Operation } from '../operation.ts';
import { bindingOperations } from './binding-summary.ts';
import { explainOperations } from './explain.ts';
import { listOperations } from './lists.ts';
import { messageOperations } from './messages.ts';
import { outboundOperations } from './outbound.ts';
import { searchOperations } from './search.ts';
import { simulateOperations } from './simulate.ts';
import { importOperations } from './spool-import.ts';
import { steeringOperations } from './steering.ts';
import { traceOperations } from './trace-smtp.ts';

export const queueOperations: readonly Operation[] = [
  ...bindingOperations,
  ...explainOperations,
  ...importOperations,
  ...listOperations,
  ...messageOperations,
  ...outboundOperations,
  ...searchOperations,
  ...simulateOperations,
  ...steeringOperations,
  ...traceOperations,
];
