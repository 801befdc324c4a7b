/*
 * The resolver as the queue, the intake and the sessions ask it: narrow questions, answers from its cache.
 *
 * The one rule: whoever works for long holds the record; these are asked once per queue, message or configuration.
 */
import { childrenNamed, type Resolver, type SendingRecord } from '#config';
import { DEFAULT_BINDING, type BindingPort } from '#intake';
import type { OptionsPort } from '#queue';

/** A definition whose last step is a Domain scope (CC-12 form of its path). */
const domainStep = /(?:^|:)Domain:(?:[^:\\]|\\.)*:$/;

export function optionsPort(resolver: Resolver): OptionsPort {
  const suspended = new WeakMap<SendingRecord, SendingRecord>();
  /** OUT-03: a copy of the record, one for each. */
  const asSuspended = (record: SendingRecord): SendingRecord => {
    let copy = suspended.get(record);
    if (copy === undefined) suspended.set(record, (copy = Object.freeze({ ...record, suspendDelivery: true })));
    return copy;
  };
  return {
    sending(group, binding, domain) {
      const record = resolver.sending(group, binding, domain);
      const isHeld = binding === DEFAULT_BINDING && resolver.global().defaultBinding === 'suspended';
      return isHeld && !record.suspendDelivery ? asSuspended(record) : record;
    },
    domainGateway(group, binding, domain) {
      const record = resolver.sending(group, binding, domain);
      if (record.gateway === undefined || record.gateway === '') return undefined;
      return domainStep.test(resolver.definition(record, 'gateway')?.id ?? '') ? record.gateway : undefined;
    },
  };
}

/** Names of bindings, gathered anew when the configuration changed. */
export function bindingPort(resolver: Resolver): BindingPort {
  let version = -1;
  let bindings = new Set<string>();
  let groups = new Map<string, string[]>();
  let next = 0;
  const refresh = () => {
    if (version === resolver.version) return;
    version = resolver.version;
    const { root } = resolver.snapshot;
    groups = new Map(
      childrenNamed(root, 'Binding_Group').map((group) => [
        group.instance ?? '',
        childrenNamed(group, 'Binding').map((b) => b.instance ?? ''),
      ]),
    );
    bindings = new Set([...childrenNamed(root, 'Binding').map((b) => b.instance ?? ''), ...[...groups.values()].flat()]);
  };
  return {
    hasBinding(name) {
      refresh();
      return bindings.has(name);
    },
    chooseFromGroup(group, domain) {
      refresh();
      const members = groups.get(group);
      if (!members || members.length === 0) return undefined;
      const awake = members.filter((name) => !resolver.sending(group, name, domain).suspendDelivery);
      const choice = awake.length > 0 ? awake : members;
      return choice[next++ % choice.length];
    },
    get isDefaultForbidden() {
      return resolver.global().defaultBinding === 'none';
    },
  };
}
