/**
 * fbl at work in a loop: a header on mail that leaves, and the reports that bring it back.
 *
 * The one rule: with `Token_Key` a report counts only when its mark has a token of ours; one with another's is refused (dropped where a refusal would
 * reach others), so that nobody can complain in a receiver's name (A53). Mail with several recipients names none of them in its mark.
 * Bounds: those of report.ts; a user string has USER_STRING_MAX characters. Not here: the log (logger.ts), who puts the header on (main).
 * Truth: rule BNC-13; RFC 5965.
 */
import type { Clock } from '#base';
import {
  CONTINUE,
  DISCARD,
  rejectionRecord,
  type HookView,
  type PhaseHook,
  type Reply,
  type SigningView,
  type ValidationModule,
  type Verdict,
} from '#hooks';
import { findInReport, formatHeader, formatTraceMark, oneLine, parseReport, parseTraceMark, type TraceMark, REPORT_OCTETS } from '#mail';
import type { ModuleLog, RecordSink } from '#observe';
import { compilePcre } from '#system';
import type { FblSettings } from './settings.ts';

export { fblSettings } from './settings.ts';
export { openFblLogger } from './logger.ts';
export type { FblSettings };

const USER_STRING_MAX = 256;
const processed: Reply = { code: 550, enhanced: '5.7.1', text: '[internal] processed as FBL message, and disposition is blackhole' };
const forged: Reply = { code: 550, enhanced: '5.7.1', text: 'this report is about no message of ours' };

export interface FblPorts {
  readonly clock: Pick<Clock, 'now'>;
  readonly log: ModuleLog;
  readonly records: RecordSink;
}

export class FblModule implements ValidationModule {
  readonly name = 'fbl';
  readonly hooks: { readonly data_spool_each_rcpt?: PhaseHook };
  readonly settings: FblSettings;
  readonly #o: FblPorts;
  readonly #patterns: readonly { test(subject: string): boolean }[];

  constructor(settings: FblSettings, o: FblPorts) {
    this.settings = settings;
    this.#o = o;
    this.#patterns = settings.addresses.map((pattern) => {
      const compiled = compilePcre(pattern, { caseless: true });
      if (!compiled.ok) throw new Error(`Addresses: cannot compile "${pattern}": ${compiled.message}`);
      return compiled.regex;
    });
    // Without a mailbox for reports no message need be kept for a look.
    this.hooks = this.#patterns.length === 0 ? {} : { data_spool_each_rcpt: (view) => this.#received(view) };
  }

  /** The header for a message that leaves; '' for none. @param isOn whether the scopes of a recipient ask for it */
  mark(view: SigningView, isOn: (recipient: SigningView['recipients'][number]) => boolean): string {
    const { autoLog, condition, headerName, tokenKey } = this.settings;
    const wish = condition === undefined ? undefined : view.context.message.get(condition);
    const isAsked = wish !== undefined && wish !== '' && wish !== 'false' && wish !== '0';
    const marked = autoLog ? view.recipients.filter((recipient) => isAsked || isOn(recipient)) : [];
    const [first] = marked;
    if (first === undefined) return '';
    const isOne = view.recipients.length === 1;
    const domain = view.recipients.every((recipient) => recipient.domain === first.domain) ? first.domain : '';
    const { binding, bindingGroup: group } = first;
    const mark: TraceMark = { local: isOne ? first.local : '', domain, binding, group, userString: this.#userString(view) };
    return formatHeader(headerName, formatTraceMark(mark, tokenKey));
  }

  #userString({ context }: SigningView): string {
    const expanded = this.settings.userString.replace(
      /%\{vctx_(mess|conn):([^}]{1,200})\}/g,
      (_, which: string, key: string) => (which === 'mess' ? context.message.get(key) : context.connection.get(key)) ?? '',
    );
    return oneLine(expanded, USER_STRING_MAX);
  }

  #received(view: HookView): Verdict {
    const { recipient, message } = view;
    if (recipient === undefined || message === undefined) return CONTINUE;
    if (!this.#patterns.some((pattern) => pattern.test(recipient.address))) return CONTINUE;
    const bytes = message.body ?? message.top(REPORT_OCTETS);
    const report = bytes === undefined ? undefined : parseReport(bytes);
    const value = report === undefined ? undefined : findInReport(report, this.settings.headerName);
    const reading = value === undefined ? undefined : parseTraceMark(value, this.settings.tokenKey);
    if (reading?.kind === 'forged') return this.#forged(view);
    if (report !== undefined && reading?.kind === 'mark') {
      const { local, domain, binding, group, userString } = reading.mark;
      this.#o.records.record({
        kind: 'F',
        at: this.#o.clock.now(),
        messageId: recipient.id ?? message.batchId,
        recipientLocal: local,
        recipientDomain: domain,
        binding,
        bindingGroup: group,
        feedbackType: oneLine(report.feedback?.find('Feedback-Type') ?? '', 64),
        reportDomain: recipient.domain,
        userString,
      });
    } else this.#o.log.log('NOTICE', `a report to ${oneLine(recipient.address, 320)} has no ${this.settings.headerName} that can be read`);
    if (this.settings.disposition === 'pass') return CONTINUE;
    this.#dropped(view, processed);
    return DISCARD;
  }

  #forged(view: HookView): Verdict {
    this.#o.log.log('WARNING', `a report with a forged ${this.settings.headerName} came from ${view.connection.remoteIp}`);
    if (view.transaction?.recipientCount === 1) return { kind: 'reject', reply: forged };
    this.#dropped(view, forged);
    return DISCARD;
  }

  #dropped(view: HookView, reply: Reply): void {
    this.#o.records.record(rejectionRecord(view, { at: this.#o.clock.now(), phase: 'each_rcpt', reply, module: this.name }));
  }
}
