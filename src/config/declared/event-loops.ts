/* The event-loops options of ecelerity.conf as data: name, type, default, scopes, what takes effect when, and whether it
 * works here yet. One entry per option and group of scopes; the generated manual and every check read this table.
 * It holds no behaviour. Facts: the public Momentum manual's option tables. */
import type { OptionDeclaration } from '../declaration.ts';

export const eventLoopsOptions = [
  {
    name: 'Concurrency',
    key: 'concurrency',
    type: { kind: 'integer', min: 0 },
    scopes: ['EventLoop'],
    effect: 'restart',
    since: '3.6',
    status: 'works',
    implemented: true,
    category: 'event-loops',
    about: 'number of event loops in this pool, each a thread with its own sockets and queues',
  },
  {
    name: 'Delivery_Pool',
    key: 'deliveryPool',
    type: { kind: 'string' },
    scopes: ['Global'],
    effect: 'restart',
    since: '3.6',
    status: 'inert',
    implemented: false,
    category: 'event-loops',
    about: 'event loop pool that delivers; every loop delivers here',
  },
  {
    name: 'Event_Loop',
    key: 'eventLoop',
    type: { kind: 'string' },
    scopes: ['ECStream_Listener', 'ESMTP_Listener', 'HTTP_Listener', 'Listen'],
    effect: 'now',
    since: '3.6',
    status: 'works',
    implemented: true,
    category: 'event-loops',
    about: 'event loop pool whose loops serve this listener; without it all loops do',
  },
  {
    name: 'Maintainer_Pool',
    key: 'maintainerPool',
    type: { kind: 'string' },
    scopes: ['Global'],
    effect: 'restart',
    since: '3.6',
    status: 'inert',
    implemented: false,
    category: 'event-loops',
    about: 'event loop pool for queue maintenance; every loop keeps its own queues here',
  },
] as const satisfies readonly OptionDeclaration[];
