/*
 * Notices as the queue asks for them: built by mail (RFC 3464), brought through the door by the intake.
 *
 * The one rule: a notice enters as any message does, durable before the failure it tells of is believed; its sender is null, so
 * nothing ever answers it (BNC-02, BNC-03).
 */
import { isAscii } from 'node:buffer';
import { messageIdHeader, toAsciiDomain, type Clock, type Random } from '#base';
import type { Intake } from '#intake';
import { buildDsn, returnPathHeader, splitAddress } from '#mail';
import type { NoticePort } from '#queue';

interface NoticeOptions {
  readonly intake: () => Intake;
  readonly clock: Clock;
  readonly random: Random;
  readonly hostname: string;
}

const returnPath = Buffer.from(returnPathHeader(''));

export function noticePort(o: NoticeOptions): NoticePort {
  return {
    send(facts, done) {
      const to = splitAddress(facts.to);
      const now = o.clock.now();
      const message = buildDsn({
        random: o.random,
        now,
        to: facts.to,
        from: facts.mailerDaemon,
        messageId: messageIdHeader(o.intake().nextId(), o.hostname),
        reportingMta: o.hostname,
        arrivedAt: facts.receivedAt,
        envid: facts.envid,
        recipients: facts.recipients.map((recipient) => ({
          address: recipient.address,
          orcpt: recipient.orcpt,
          action: facts.action,
          diagnostic: recipient.reply,
          remoteMta: recipient.remoteIp === '' ? undefined : recipient.remoteIp,
          lastAttemptAt: facts.action === 'delayed' ? undefined : now,
          willRetryUntil: facts.retryUntil,
        })),
        original: facts.original,
        inline: facts.quote,
        ret: facts.ret,
        smtpUtf8: facts.smtpUtf8,
      });
      const domain = toAsciiDomain(to.domain) ?? to.domain.toLowerCase();
      const recipient = { address: facts.to, local: to.local, domain };
      const head = {
        sender: '',
        senderDomain: '',
        recipients: [recipient],
        ...(facts.smtpUtf8 ? { smtpUtf8: true } : {}),
        ...(isAscii(message) ? {} : { body: '8BITMIME' as const }),
      };
      // A mailbox of this host is the last stop, where the sender of the envelope must be told (RFC 5321 section 4.4), as with received mail.
      o.intake().submit(head, Buffer.concat([returnPath, message]), (error) => done(error));
    },
  };
}
