/*
 * An event loop's thread: opens its spool, builds the rooms on it, then does what main orders.
 *
 * The one rule: ready() is said when mail can be taken; listening begins when main says so. An error nobody expected ends the
 * thread, and main starts a successor that takes up its mail.
 * Not here: how the rooms are wired (loop-runtime.ts).
 */
import { LoopLink } from '#loops';
import { LoopRuntime } from './loop-runtime.ts';
import { loopControlRoom, type LoopBirth, type LoopOrder } from './messages.ts';

const link = await LoopLink.whenBorn();
const runtime = await LoopRuntime.open(link, link.data as LoopBirth);
link.onRequest(loopControlRoom, (message, _from, answer) => {
  runtime.obey(message as LoopOrder).then(
    (reply) => answer.answer(reply),
    (error: unknown) => answer.refuse(error instanceof Error ? error.message : String(error)),
  );
});
link.onStop((graceMs, done) => void runtime.stop(graceMs).then(done));
link.onClose((_graceMs, done) => void runtime.close().then(done));
link.ready();
