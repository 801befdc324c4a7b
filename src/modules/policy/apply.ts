/**
 * From a phase of the engine to a call of the policy, and from its answer back to deeds and a verdict.
 *
 * The one rule: deeds are done in the order in which the policy did them, and all before the verdict. What the engine cannot do makes the
 * call a failure, except for a binding that does not exist (POL-27).
 * Not here: when a call is made (sandbox.ts). Truth: POL-05 to POL-07, POL-22, POL-23, CTX-08.
 */
import type { HeaderEdit, HookView, PlainVerdict, Verdict } from '#hooks';
import type { Action, Call, Decision, FromSandbox } from './messages.ts';

/** The call of a phase, or a sentence that says why it cannot be made. */
export function callOf(id: number, view: HookView, bodyBytes: number): Call | string {
  const { phase, connection, context, transaction, recipient, recipients, message } = view;
  const { remoteIp, remotePort, localIp, localPort, helo, authUser = '' } = connection;
  const top = message?.top(bodyBytes);
  if (message !== undefined && top === undefined) return 'memory for messages is used up';
  return {
    id,
    phase,
    connection: { id: connection.id, remoteIp, remotePort, localIp, localPort, helo, authUser },
    connectionContext: context.connection,
    messageContext: context.message,
    sender: transaction?.sender ?? '',
    senderDomain: transaction?.senderDomain ?? '',
    recipientCount: transaction?.recipientCount ?? 0,
    recipients,
    recipient:
      recipient === undefined
        ? undefined
        : {
            address: recipient.address,
            local: recipient.local,
            domain: recipient.domain,
            binding: recipient.binding,
            bindingGroup: recipient.bindingGroup,
          },
    message: message === undefined || top === undefined ? undefined : { batchId: message.batchId, size: message.size, top },
  };
}

/** Does what the policy did. A sentence instead of nothing says what could not be done. */
export function doActions(view: HookView, actions: readonly Action[], count: (name: string, by: number) => void): string | undefined {
  const edits: HeaderEdit[] = [];
  for (const action of actions) {
    if (action.kind === 'header') edits.push(action.edit);
    else if (action.kind === 'count') count(action.name, action.by);
    else if (!doOne(view, action)) return `cannot set ${action.kind} to "${action.value}" here`;
  }
  if (edits.length > 0 && view.message?.edit(edits) !== true) return 'the message is too large for its header to be changed';
  return undefined;
}

function doOne({ context, sender, recipient }: HookView, action: Exclude<Action, { kind: 'header' | 'count' }>): boolean {
  switch (action.kind) {
    case 'connectionContext':
      return context.setConnection(action.key, action.value);
    case 'messageContext':
      return context.setMessage(action.key, action.value);
    case 'sender':
      return sender?.rewrite(action.value) === true;
    case 'recipient':
      return recipient?.rewrite(action.value) === true;
    case 'binding':
      recipient?.setBinding(action.value);
      return true;
    case 'group':
      recipient?.setBindingGroup(action.value);
      return true;
    case 'routingDomain':
      return recipient?.setRoutingDomain(action.value) === true;
    case 'gateway':
      return recipient?.setGateway(action.value) === true;
    case 'priority':
      recipient?.setPriority(action.value);
      return true;
  }
}

export function verdictOf({ decision, tarpitMs }: Extract<FromSandbox, { kind: 'answer' }>): Verdict {
  const verdict = plain(decision);
  return tarpitMs > 0 ? { kind: 'tarpit', ms: tarpitMs, verdict } : verdict;
}

function plain(decision: Decision): PlainVerdict {
  if (decision.kind !== 'reject' && decision.kind !== 'disconnect') return { kind: decision.kind };
  const { kind, code, enhanced, text } = decision;
  return { kind, reply: enhanced === undefined ? { code, text } : { code, enhanced, text } };
}
