/**
 * One event_logger instance at work: each record is a line of JSON with one schema for all types.
 *
 * The one rule: `sequence` begins at 1 when the stream is opened and never has a gap, `stream` tells one opening from another; whoever
 * reads knows by them that nothing was lost or came twice. Fields that do not apply are absent. Truth: docs/protocols/events.md.
 */
import { randomUUID } from 'node:crypto';
import type { LoggerModule, LoggerScope } from '#hooks';
import { LoggerSinks, type Classify, type LoggerPorts, type LogSink, type MailRecord } from '#observe';

/** An import is no event of its own (its message is a reception, too), nor is what a policy writes. */
type EventRecord = Exclude<MailRecord, { kind: 'I' | 'C' }>;

const types: Readonly<Record<EventRecord['kind'], string>> = {
  R: 'reception',
  D: 'delivery',
  X: 'transfer',
  T: 'transient_failure',
  P: 'permanent_failure',
  B: 'out_of_band_bounce',
  F: 'feedback',
  J: 'rejection',
};

/** The event of a record, without its number. */
function eventOf(r: EventRecord, classify: Classify): Record<string, unknown> {
  const head = { type: types[r.kind], time: new Date(r.at).toISOString() };
  switch (r.kind) {
    case 'R': {
      const sender = r.senderLocal === '' ? '' : `${r.senderLocal}@${r.senderDomain}`;
      const who = { message_id: r.messageId, batch_id: r.batchId, connection_id: r.connectionId };
      const route = { binding_group: r.bindingGroup, binding: r.binding };
      const recipient = `${r.recipientLocal}@${r.recipientDomain}`;
      return { ...head, ...who, sender, recipient, ...route, remote_ip: r.remoteIp, size: r.size, protocol: r.protocol };
    }
    case 'F':
      return {
        ...head,
        message_id: r.messageId,
        recipient: `${r.recipientLocal}@${r.recipientDomain}`,
        binding_group: r.bindingGroup,
        binding: r.binding,
        feedback_type: r.feedbackType,
        report_domain: r.reportDomain,
        user_string: r.userString,
      };
    case 'J':
      return {
        ...head,
        connection_id: r.connectionId,
        remote_ip: r.remoteIp,
        remote_port: r.remotePort,
        local_ip: r.localIp,
        local_port: r.localPort,
        pathway: r.pathway,
        pathway_group: r.pathwayGroup,
        phase: r.phase,
        module: r.module,
        reply: `${r.code} ${r.text}`,
      };
    default:
      return { ...head, ...deliveryEvent(r, classify) };
  }
}

function deliveryEvent(r: Exclude<EventRecord, { kind: 'R' | 'F' | 'J' }>, classify: Classify): Record<string, unknown> {
  const who = { message_id: r.messageId, batch_id: r.batchId, connection_id: r.connectionId, sender: r.sender, recipient: r.recipient };
  const route = { binding_group: r.bindingGroup, binding: r.binding, remote_ip: r.remoteIp, reply: r.reply };
  if (r.kind === 'B') return { ...who, ...route, size: r.size, stage: 21, bounce_class: r.bounceClass };
  const attempt = { domain: r.domain, size: r.messageSize, sent: r.size, retries: r.retries, elapsed_ms: Math.round(r.elapsedMs) };
  if (!('stage' in r)) return { ...who, ...route, ...attempt };
  const { code, name } = classify(r.reply, r.domain);
  return { ...who, ...route, ...attempt, stage: r.stage, bounce_class: code, bounce_name: name };
}

class EventLogger implements LoggerModule {
  readonly name = 'event_logger';
  readonly instance: string;
  readonly #ports: LoggerPorts;
  readonly #sinks: LoggerSinks;
  readonly #stream = randomUUID();
  #log: LogSink | undefined;
  #sequence = 0;

  constructor({ instance, options }: LoggerScope, ports: LoggerPorts) {
    this.instance = instance;
    this.#ports = ports;
    this.#sinks = new LoggerSinks(ports, this);
    if (options['enabled'] === false) return;
    const { eventlog, eventlogMode } = options;
    const path = typeof eventlog === 'string' ? eventlog : '/var/log/ecelerity/eventlog.json';
    this.#log = this.#sinks.open('eventlog', path, typeof eventlogMode === 'number' ? eventlogMode : 0o644);
    this.#sinks.tellUnavailable();
  }

  record(batch: readonly MailRecord[]): void {
    if (this.#log === undefined) return;
    for (const r of batch) {
      if (r.kind === 'I' || r.kind === 'C') continue;
      this.#sequence += 1;
      const event = { stream: this.#stream, sequence: this.#sequence, ...eventOf(r, this.#ports.classify) };
      // U+2028 and U+2029 are legal in JSON and end a line for many readers.
      this.#log.add(JSON.stringify(event).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'));
    }
  }

  panic(): void {
    // Diagnostics belong to ec_logger.
  }

  close(): void {
    this.#sinks.close();
    this.#log = undefined;
  }
}

/** Opens the stream of one instance; what cannot be opened is told in the paniclog and tried again. */
export function openEventLogger(scope: LoggerScope, ports: LoggerPorts): LoggerModule {
  return new EventLogger(scope, ports);
}
