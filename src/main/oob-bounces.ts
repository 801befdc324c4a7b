/*
 * Bounces that come as mail: found by the mailbox that they come to, attributed, given a class, logged, and dropped or passed on.
 *
 * The one rule: a mailbox takes bounces when its domain is in Bounce_Domains where the client came in, and Bounce_Pattern, where set, matches its
 * address. With a keyed mark of fbl a bounce that shows another's mark is not counted, and one without a mark names nobody (A53). Reports of success
 * are not logged.
 * Not here: how a notice is read (mail), the log (bounce_logger). Truth: rules BNC-06 to BNC-08.
 */
import type { Clock } from '#base';
import { childrenNamed, type Resolver, type ScopeNode } from '#config';
import { CONTINUE, DISCARD, rejectionRecord, type HookView, type PhaseHook, type Reply, type ValidationModule, type Verdict } from '#hooks';
import {
  bounceClasses,
  parseReport,
  readBounce,
  REPORT_OCTETS,
  SuppressList,
  type BounceMark,
  type BounceVerdict,
  type ReceivedBounce,
  type Report,
} from '#mail';
import type { ModuleLog, RecordSink } from '#observe';

export interface OobPorts {
  readonly clock: Pick<Clock, 'now'>;
  readonly log: ModuleLog;
  readonly records: RecordSink;
  readonly resolver: Resolver;
  readonly rules: () => { reply(text: string, domain: string): BounceVerdict; notice(text: string): BounceVerdict | undefined };
  readonly match: (pattern: string, text: string) => readonly string[] | undefined;
}

/** The mark that our mail carries, where fbl says so. */
type MarkSettings = BounceMark | undefined;

const dropped: Reply = { code: 550, enhanced: '5.7.1', text: '[internal] discarded by policy' };

/** Whether any scope names domains that take bounces: without them no message is looked at. */
export function hasBounceDomains(node: ScopeNode): boolean {
  if (node.options.has('bounce_domains')) return true;
  return ['Pathway', 'Pathway_Group'].some((scope) => childrenNamed(node, scope).some(hasBounceDomains));
}

export class OobBounces implements ValidationModule {
  readonly name = 'oob_bounces';
  readonly hooks: { readonly data_spool_each_rcpt: PhaseHook };
  readonly #o: OobPorts;
  readonly #mark: MarkSettings;
  #suppressed: { readonly text: string | undefined; readonly list: SuppressList } | undefined;

  constructor(mark: MarkSettings, o: OobPorts) {
    this.#o = o;
    this.#mark = mark;
    this.hooks = { data_spool_each_rcpt: (view) => this.#received(view) };
  }

  #received(view: HookView): Verdict {
    const { recipient, message } = view;
    if (recipient?.takesBounces !== true || message === undefined) return CONTINUE;
    const { bouncePattern, bounceBehavior } = this.#o.resolver.sending('default', 'default', recipient.domain);
    if (!isBounceAddress(recipient.address, bouncePattern, this.#o.match)) return CONTINUE;
    const bytes = message.body ?? message.top(REPORT_OCTETS);
    if (bytes !== undefined) this.#log(view, parseReport(bytes));
    if (bounceBehavior !== 'blackhole') return CONTINUE;
    this.#o.records.record(rejectionRecord(view, { at: this.#o.clock.now(), phase: 'each_rcpt', reply: dropped, module: this.name }));
    return DISCARD;
  }

  #log(view: HookView, report: Report): void {
    const { recipient, message, connection } = view;
    if (recipient === undefined || message === undefined) return;
    const bounce = readBounce(report, { suppressed: this.#suppress(), mailbox: recipient.address, mark: this.#mark });
    if (bounce.kind === 'forged') {
      this.#o.log.log(
        'WARNING',
        `a bounce with a forged ${this.#mark?.headerName ?? ''} came from ${connection.remoteIp}: it is not counted`,
      );
      return;
    }
    for (const { recipient: of, reply } of bounce.recipients) {
      this.#o.records.record({
        kind: 'B',
        at: this.#o.clock.now(),
        messageId: recipient.id ?? message.batchId,
        batchId: message.batchId,
        connectionId: connection.id,
        recipient: of,
        sender: recipient.address,
        bindingGroup: bounce.mark?.group ?? 'default',
        binding: bounce.mark?.binding ?? 'default',
        bounceClass: this.#classOf(report, bounce, { recipient: of, reply }),
        size: message.size,
        remoteIp: connection.remoteIp,
        reply: reply === '' ? (report.headers.find('Subject') ?? '').slice(0, 500) : reply,
      });
    }
  }

  #classOf(report: Report, bounce: ReceivedBounce, { recipient, reply }: ReceivedBounce['recipients'][number]): number {
    const rules = this.#o.rules();
    if (bounce.kind === 'delayed') return bounceClasses.transient;
    if (bounce.isUnproven === true) return rules.notice(bounce.words)?.code ?? bounceClasses.genericNoRecipient;
    const domain = recipient.slice(recipient.lastIndexOf('@') + 1).toLowerCase();
    if (report.status.length > 0) return rules.reply(reply, domain).code;
    const known = rules.notice(bounce.words);
    if (known !== undefined) return known.code;
    // A complaint is no bounce, although its mailbox takes them: it is logged, as documented, and counts as nothing.
    if (report.feedback !== undefined) return bounceClasses.undetermined;
    const byReply = reply === '' ? bounceClasses.undetermined : rules.reply(reply, domain).code;
    if (byReply !== bounceClasses.undetermined) return byReply;
    return recipient === '' ? bounceClasses.genericNoRecipient : bounceClasses.generic;
  }

  #suppress(): SuppressList {
    const { bounceSuppressList: text } = this.#o.resolver.global();
    if (this.#suppressed === undefined || this.#suppressed.text !== text) this.#suppressed = { text, list: new SuppressList(text) };
    return this.#suppressed.list;
  }
}

/** Bounce_Pattern on the address that mail was sent from, or that a bounce came to; unset it is any (BNC-06). */
export function isBounceAddress(address: string, pattern: string | undefined, match: OobPorts['match']): boolean {
  return pattern === undefined || pattern === '' || match(pattern, address) !== undefined;
}
