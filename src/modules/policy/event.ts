/**
 * The event that a policy function is given, made of a call, and the list of what the function does to it.
 *
 * The one rule: everything that can be known to be wrong throws at once, at the line that does it (a value that is no address, a header
 * with a line end); nothing has happened then. What was set is seen by the same function when it looks again.
 * Not here: doing it (apply.ts). Truth: POL-05 to POL-07, CTX-08; the types are in author.ts.
 */
import { parseHostPort, toAsciiDomain } from '#base';
import { HeaderBlock, domainLiteral, parseMailbox } from '#mail';
import type { Context, EachRcptEvent, RcpttoListEvent } from './author.ts';
import type { Action, Call } from './messages.ts';

/** What the thread itself gives to events. */
export interface EventPorts {
  readonly log: (text: string) => void;
  readonly chunkLog: (text: string) => void;
  readonly take: (name: string, count: number, seconds: number) => boolean;
}

type AnyEvent = EachRcptEvent & RcpttoListEvent;

const HEADER_NAME = /^[!-9;-~]{1,200}$/;
const COUNTER_NAME = /^\/(?:site|vendor)\/[\x21-\x7e]{1,200}$/;
/** Printable ASCII. */
const PLAIN = /^[ -~\t]*$/;

const never = (what: string, phase: string) => (): never => {
  throw new TypeError(`${what} cannot be changed in ${phase}`);
};

/** What a function may do with its event has the phase for a bound: an address is rewritten before the body, a route is set behind it. */
const EARLY = new Set<string>(['mailfrom', 'rcptto', 'rcptto_list']);

export function eventOf(call: Call, actions: Action[], ports: EventPorts): AnyEvent {
  const { phase, message } = call;
  const does = (action: Action): void => void actions.push(action);
  return {
    phase,
    connection: call.connection,
    connectionContext: contextOf(call.connectionContext, (key, value) => does({ kind: 'connectionContext', key, value })),
    messageContext: contextOf(call.messageContext, (key, value) => does({ kind: 'messageContext', key, value })),
    log: (text) => ports.log(String(text)),
    chunkLog: (text) => ports.chunkLog(String(text)),
    count: (name, by = 1) => {
      if (!COUNTER_NAME.test(name)) throw new TypeError(`"${name}" is no name of a counter: expected /site/<name> or /vendor/<name>`);
      if (!Number.isSafeInteger(by)) throw new TypeError(`a counter counts in whole numbers, not ${String(by)}`);
      does({ kind: 'count', name, by });
    },
    throttle: (name, count, seconds) => {
      if (typeof name !== 'string' || name === '' || !(count > 0) || !(seconds > 0))
        throw new TypeError('throttle wants a name, how many, and in how many seconds');
      return ports.take(name, count, seconds);
    },
    sender: senderOf(call, does),
    recipientCount: call.recipientCount,
    recipients: call.recipients ?? [],
    recipient: recipientOf(call, does),
    ...messageOf(message, does),
  };
}

function contextOf(map: ReadonlyMap<string, string>, put: (key: string, value: string) => void): Context {
  let own: Map<string, string> | undefined;
  return {
    get: (key) => (own ?? map).get(key),
    has: (key) => (own ?? map).has(key),
    keys: () => [...(own ?? map).keys()],
    set(key, value) {
      if (typeof key !== 'string' || key === '' || typeof value !== 'string') throw new TypeError('a context holds text under a name');
      own ??= new Map(map);
      own.set(key, value);
      put(key, value);
    },
  };
}

function senderOf(call: Call, does: (action: Action) => void): AnyEvent['sender'] {
  const seen = { address: call.sender, domain: call.senderDomain };
  const rewrite = (address: string): void => {
    const domain = address === '' ? '' : mailboxIn(address).domain;
    Object.assign(seen, { address, domain });
    does({ kind: 'sender', value: address });
  };
  return Object.assign(seen, { rewrite: EARLY.has(call.phase) ? rewrite : never('the sender', call.phase) });
}

function recipientOf({ phase, recipient }: Call, does: (action: Action) => void): AnyEvent['recipient'] {
  const seen = { ...(recipient ?? { address: '', local: '', domain: '', binding: 'default', bindingGroup: 'default' }) };
  const isRoutable = phase === 'data_spool_each_rcpt' || phase === 'set_binding';
  const set =
    (kind: 'binding' | 'group' | 'routingDomain' | 'gateway', isRight: (value: string) => boolean, expected: string) =>
    (value: string): void => {
      if (!isRoutable) never('a route', phase)();
      if (typeof value !== 'string' || !isRight(value)) throw new TypeError(`"${String(value)}" is no ${expected}`);
      does({ kind, value });
    };
  return Object.assign(seen, {
    rewrite(address: string) {
      if (recipient === undefined) never('a recipient', phase)();
      const { local, domain } = mailboxIn(address);
      Object.assign(seen, { address, local, domain });
      does({ kind: 'recipient', value: address });
    },
    setBinding: set('binding', (name) => name !== '', 'name of a binding'),
    setBindingGroup: set('group', (name) => name !== '', 'name of a binding group'),
    setRoutingDomain: set(
      'routingDomain',
      (name) => (domainLiteral(name) ?? toAsciiDomain(name, { allowUnderscore: true })) !== undefined,
      'domain',
    ),
    setGateway: set('gateway', (host) => parseHostPort(host) !== undefined, 'host, with or without :port'),
    setPriority(value: 0 | 1) {
      if (!isRoutable) never('a priority', phase)();
      if (value !== 0 && value !== 1) throw new TypeError(`a priority is 0 or 1, not ${String(value)}`);
      does({ kind: 'priority', value });
    },
  });
}

function mailboxIn(address: string): { local: string; domain: string } {
  const mailbox = typeof address === 'string' ? parseMailbox(address) : undefined;
  if (mailbox === undefined) throw new TypeError(`"${String(address)}" is no address with a domain`);
  return mailbox;
}

function messageOf(message: Call['message'], does: (action: Action) => void): Pick<AnyEvent, 'message' | 'headers'> {
  const top = message === undefined ? Buffer.alloc(0) : Buffer.from(message.top.buffer, message.top.byteOffset, message.top.byteLength);
  let read: HeaderBlock | undefined;
  const block = (): HeaderBlock => (read ??= HeaderBlock.parse(top));
  const checked = (name: string, value: string): string => {
    if (typeof name !== 'string' || !HEADER_NAME.test(name)) throw new TypeError(`"${String(name)}" is no name of a header field`);
    if (typeof value !== 'string' || !PLAIN.test(value))
      throw new TypeError(`the value of ${name} must be one line of ASCII: encode what is more (RFC 2047)`);
    if (message === undefined) throw new TypeError('there is no message in this phase');
    return value;
  };
  return {
    message: {
      batchId: message?.batchId ?? '',
      size: message?.size ?? 0,
      get body() {
        return top.toString('latin1', block().bodyAt);
      },
      isBodyWhole: message !== undefined && top.length >= message.size,
    },
    headers: {
      get: (name) => block().find(name),
      getAll: (name) => block().findAll(name),
      names: () => block().fields.map((field) => field.name),
      add(name, value, o = {}) {
        const text = checked(name, value);
        const isLast = o.last === true;
        if (isLast) block().append(name, text);
        else block().prepend(name, text);
        does({ kind: 'header', edit: { kind: isLast ? 'append' : 'add', name, value: text } });
      },
      replace(name, value) {
        const text = checked(name, value);
        block().replace(name, text);
        does({ kind: 'header', edit: { kind: 'replace', name, value: text } });
      },
      remove(name) {
        checked(name, '');
        block().remove(name);
        does({ kind: 'header', edit: { kind: 'remove', name } });
      },
    },
  };
}
