/**
 * One recipient on its way in: a message id of its own (SMTP-03), and what `set_binding` decides about it.
 *
 * The one rule: a binding or group that does not exist changes nothing and leaves a line in the panic log (POL-05, POL-27).
 * Not here: choosing within a group by state of its bindings (the port's owner knows that).
 */
import { parseHostPort, toAsciiDomain } from '#base';
import type { RecipientHandle, Reply } from '#hooks';
import { domainLiteral, parseMailbox, type EnvelopeRecipient } from '#mail';
import type { PanicLog } from '#observe';
import type { BindingPort, RecipientHead, ToldRecipient } from './ports.ts';

/** The binding and the group of mail that nobody assigned. */
export const DEFAULT_BINDING = 'default';

export class IncomingRecipient implements RecipientHandle {
  readonly id: string;
  #head: RecipientHead;
  binding = DEFAULT_BINDING;
  bindingGroup = DEFAULT_BINDING;
  priority: 0 | 1 = 0;
  isDiscarded = false;
  /** Policy refused this recipient for good, whatever becomes of the others (BNC-05). */
  refusal: { readonly reply: Reply; readonly module: string } | undefined;
  /** A module wrote another mailbox: who keeps it must be asked anew. */
  isRewritten = false;
  #routingDomain: string | undefined;
  #gateway: string | undefined;
  readonly #bindings: BindingPort;
  readonly #panic: Pick<PanicLog, 'log'>;

  constructor(id: string, head: RecipientHead, ports: { bindings: BindingPort; panic: Pick<PanicLog, 'log'> }) {
    this.id = id;
    this.#head = head;
    this.#bindings = ports.bindings;
    this.#panic = ports.panic;
  }

  get address(): string {
    return this.#head.address;
  }

  get local(): string {
    return this.#head.local;
  }

  get domain(): string {
    return this.#head.domain;
  }

  /** As a notice tells of it. */
  told(reply: Reply, module = ''): ToldRecipient {
    const { address, domain, notify, orcpt } = this.#head;
    return { address, domain, notify, orcpt, reply, module };
  }

  get takesBounces(): boolean {
    return this.#head.takesBounces === true;
  }

  get wantsSuccess(): boolean {
    return this.#head.notify?.includes('SUCCESS') === true;
  }

  setBinding(name: string): boolean {
    if (name !== DEFAULT_BINDING && !this.#bindings.hasBinding(name)) {
      this.#panic.log('ERROR', 'MOD', `set_binding: message ${this.id}: there is no binding "${name}"; assignment unchanged`);
      return false;
    }
    this.binding = name;
    this.bindingGroup = this.#bindings.groupOf?.(name) ?? DEFAULT_BINDING;
    return true;
  }

  setBindingGroup(name: string): boolean {
    const chosen = this.#bindings.chooseFromGroup(name, this.#head.domain);
    if (chosen === undefined) {
      this.#panic.log('ERROR', 'MOD', `set_binding: message ${this.id}: there is no binding or group "${name}"; assignment unchanged`);
      return false;
    }
    this.binding = chosen;
    this.bindingGroup = name;
    return true;
  }

  /** A binding or, where there is none of that name, one of a group. */
  setBindingOrGroup(name: string): void {
    if (name === DEFAULT_BINDING || this.#bindings.hasBinding(name)) this.setBinding(name);
    else this.setBindingGroup(name);
  }

  setPriority(priority: 0 | 1): void {
    this.priority = priority;
  }

  rewrite(address: string): boolean {
    const mailbox = parseMailbox(address);
    if (mailbox === undefined) return false;
    this.#head = { ...this.#head, address, local: mailbox.local, domain: mailbox.domain };
    this.isRewritten = true;
    return true;
  }

  setRoutingDomain(domain: string): boolean {
    const known = domainLiteral(domain) === undefined ? toAsciiDomain(domain, { allowUnderscore: true }) : domain.toLowerCase();
    if (known === undefined) return false;
    this.#routingDomain = known;
    return true;
  }

  setGateway(host: string): boolean {
    if (parseHostPort(host) === undefined) return false;
    this.#gateway = host;
    return true;
  }

  /** As the envelope stores it. */
  stored(): EnvelopeRecipient {
    const { address, local, domain, notify, orcpt } = this.#head;
    const { id, binding, bindingGroup } = this;
    const stored: EnvelopeRecipient = { id, address, local, domain: this.#routingDomain ?? domain, binding, bindingGroup };
    if (notify !== undefined) stored.notify = notify;
    if (orcpt !== undefined) stored.orcpt = orcpt;
    if (this.priority !== 0) stored.priority = this.priority;
    if (this.#gateway !== undefined) stored.gateway = this.#gateway;
    return stored;
  }
}
