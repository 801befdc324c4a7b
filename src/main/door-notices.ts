/*
 * Notices about recipients that never came into a queue: policy refused them while it took others, or their mailbox is on this host.
 *
 * The one rule: as with any notice, never to the null sender, never where NOTIFY does not ask for it; options are those of the recipient's
 * domain. A recipient that was refused so leaves a line in the reject log, as one that was refused in the dialogue does.
 * Not here: when the door tells (intake), what a notice says (notices.ts). Truth: BNC-03, BNC-05; RFC 3461 section 5.2.3.
 */
import type { Clock } from '#base';
import type { Resolver } from '#config';
import { rejectionRecord } from '#hooks';
import type { DoorNotice, DoorNoticePort } from '#intake';
import { wantsNotice } from '#mail';
import type { Counters, RecordSink } from '#observe';
import type { NoticePort } from '#queue';
import { replyText } from '#smtp';

interface DoorNoticeOptions {
  readonly notices: NoticePort;
  readonly resolver: Resolver;
  readonly records: RecordSink;
  readonly counters: Pick<Counters, 'add'>;
  readonly clock: Pick<Clock, 'now'>;
}

export function doorNotices(o: DoorNoticeOptions): DoorNoticePort {
  return (notice, done) => {
    if (notice.action === 'failed') for (const recipient of notice.recipients) o.records.record(rejection(o, notice, recipient));
    const { head } = notice;
    const kind = notice.action === 'failed' ? 'failure' : 'success';
    const told = notice.recipients.filter(({ notify }) => wantsNotice(notify, kind));
    const [first] = told;
    if (first === undefined || head.sender === '' || (notice.action === 'failed' && head.bouncesRefusals !== true)) {
      done();
      return;
    }
    const options = o.resolver.sending('default', 'default', first.domain);
    const facts = {
      batchId: notice.batchId,
      to: head.sender,
      action: notice.action,
      receivedAt: notice.receivedAt,
      recipients: told.map(({ address, orcpt, reply }) => ({ address, orcpt, reply: `${reply.code} ${replyText(reply)}`, remoteIp: '' })),
      envid: head.envid,
      quote: head.terms?.requireTls === true ? ('none' as const) : options.bouncesInlineOriginal,
      ret: head.ret,
      mailerDaemon: options.mailerDaemon,
      smtpUtf8: head.smtpUtf8 === true,
      original: notice.original,
    };
    o.notices.send(facts, (error) => {
      if (error === undefined && notice.action === 'failed') o.counters.add('bounces');
      done(error);
    });
  };
}

function rejection({ clock, counters }: DoorNoticeOptions, { head }: DoorNotice, { reply, module }: DoorNotice['recipients'][number]) {
  counters.add('rejections');
  return rejectionRecord(head, { at: clock.now(), phase: 'each_rcpt', reply, module });
}
