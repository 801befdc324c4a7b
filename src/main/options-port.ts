/*
 * The resolver as the queue, the intake and the sessions ask it: narrow questions, answers from its cache.
 *
 * The one rule: whoever works for long holds the record; these are asked once per queue, message or configuration.
 */
import { cidrContains, parseCidr, parseIp, type Cidr } from '#base';
import { childrenNamed, withOptions, type Resolver, type ScopeNode, type SendingRecord } from '#config';
import { DEFAULT_BINDING, type BindingPort } from '#intake';
import { HeaderBlock } from '#mail';
import type { HostLimit, ShapingPort } from '#outbound';
import type { OptionsPort } from '#queue';

/** A definition whose last step is a Domain scope (CC-12 form of its path). */
const domainStep = /(?:^|:)Domain:(?:[^:\\]|\\.)*:$/;

export function optionsPort(resolver: Resolver): OptionsPort {
  const suspended = new WeakMap<SendingRecord, SendingRecord>();
  const bindings = bindingPort(resolver);
  /** OUT-03: a copy of the record, one for each. */
  const asSuspended = (record: SendingRecord): SendingRecord => {
    let copy = suspended.get(record);
    if (copy === undefined) {
      suspended.set(record, (copy = withOptions(record, { suspendDelivery: true })));
    }
    return copy;
  };
  // A new queue asks both questions, one after the other: the second is answered without a look-up.
  const last: { version: number; group: string; binding: string; domain: string; record: SendingRecord | undefined } = {
    version: -1,
    group: '',
    binding: '',
    domain: '',
    record: undefined,
  };
  const recordOf = (group: string, binding: string, domain: string): SendingRecord => {
    const { version } = resolver;
    if (last.record !== undefined && last.domain === domain && last.binding === binding && last.group === group && last.version === version)
      return last.record;
    const record = resolver.sending(group, binding, domain);
    Object.assign(last, { version, group, binding, domain, record });
    return record;
  };
  return {
    sending(group, binding, domain) {
      const record = recordOf(group, binding, domain);
      const isHeld = binding === DEFAULT_BINDING && resolver.global().defaultBinding === 'suspended';
      return isHeld && !record.suspendDelivery ? asSuspended(record) : record;
    },
    domainGateway(group, binding, domain) {
      const record = recordOf(group, binding, domain);
      // A socket is no name under which mail could wait.
      if (record.gateway === undefined || /^$|^(?:unix:)?\//i.test(record.gateway)) return undefined;
      return domainStep.test(resolver.definition(record, 'gateway')?.id ?? '') ? record.gateway : undefined;
    },
    hasBinding: (name) => name === DEFAULT_BINDING || bindings.hasBinding(name),
  };
}

/** The limits on the way of a queue's options, by who defines them (FB-14), and those of the Host scopes that match. */
export function shapingPort(resolver: Resolver): ShapingPort {
  let version = -1;
  let hasHosts = false;
  const look = (): void => {
    if (version === resolver.version) return;
    version = resolver.version;
    hasHosts = hasHostScope(resolver.snapshot.root);
  };
  return {
    definitions(options, option) {
      return resolver.definitions(options as SendingRecord, option);
    },
    hostLimits({ group, binding, optionsName }, { name, ip }) {
      look();
      if (!hasHosts) return [];
      const limits: HostLimit[] = [];
      for (const host of name === ip ? [ip] : [name, ip]) {
        const record = resolver.host(binding, host, { group, domain: optionsName });
        if (!record.isMatched) continue;
        const { maxOutboundConnections, scopeMaxOutboundConnections } = record;
        const own = resolver.definition(record, 'maxOutboundConnections');
        // FB-04a: counted by address, for those who share the definition.
        if (maxOutboundConnections >= 0)
          limits.push({ name: `host ${own?.id ?? ''} ${ip}`, limit: maxOutboundConnections, option: 'maxOutboundConnections', host });
        if (scopeMaxOutboundConnections < 0) continue;
        for (const { id, value } of resolver.definitions(record, 'scopeMaxOutboundConnections'))
          limits.push({ name: `scope ${id}`, limit: Number(value), option: 'scopeMaxOutboundConnections', host });
      }
      return limits;
    },
  };
}

/** Host scopes stand at the top, in bindings and in groups. */
function hasHostScope(root: ScopeNode): boolean {
  // Most bindings hold no scopes at all.
  if (root.children.size === 0) return false;
  if (childrenNamed(root, 'Host').length > 0) return true;
  return childrenNamed(root, 'Binding').some(hasHostScope) || childrenNamed(root, 'Binding_Group').some(hasHostScope);
}

/** A binding by its name, or one of the group of that name; undefined when there is neither. */
export function bindingNamed(bindings: BindingPort, name: string, domain: string): { group: string; binding: string } | undefined {
  if (name === DEFAULT_BINDING || bindings.hasBinding(name)) return { group: bindings.groupOf?.(name) ?? DEFAULT_BINDING, binding: name };
  const binding = bindings.chooseFromGroup(name, domain);
  return binding === undefined ? undefined : { group: name, binding };
}

/** Names of bindings, gathered anew when the configuration changed. */
export function bindingPort(resolver: Resolver): BindingPort {
  let version = -1;
  let bindings = new Set<string>();
  /** What the names were gathered from: most changes leave bindings alone. */
  let gathered: { readonly alone: readonly ScopeNode[]; readonly groups: readonly ScopeNode[] } | undefined;
  let groups = new Map<string, string[]>();
  let groupOf = new Map<string, string>();
  let trusted: readonly Cidr[] = [];
  let next = 0;
  const refresh = () => {
    if (version === resolver.version) return;
    version = resolver.version;
    const { root } = resolver.snapshot;
    trusted = (resolver.global().bindingHeaderPeers ?? []).flatMap((text) => parseCidr(text) ?? []);
    const nodes = { alone: childrenNamed(root, 'Binding'), groups: childrenNamed(root, 'Binding_Group') };
    if (gathered?.alone === nodes.alone && gathered.groups === nodes.groups) return;
    gathered = nodes;
    groups = new Map(nodes.groups.map((group) => [group.instance ?? '', childrenNamed(group, 'Binding').map((b) => b.instance ?? '')]));
    groupOf = new Map([...groups].reverse().flatMap(([group, members]) => members.map((name) => [name, group] as const)));
    bindings = new Set([...nodes.alone.map((b) => b.instance ?? ''), ...[...groups.values()].flat()]);
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
    isAwake(group, binding, domain) {
      refresh();
      return groups.get(group)?.includes(binding) === true && !resolver.sending(group, binding, domain).suspendDelivery;
    },
    groupOf(name) {
      refresh();
      return groupOf.get(name);
    },
    get readsHeaders() {
      const { bindingHeader } = resolver.global();
      return bindingHeader !== undefined && bindingHeader !== '';
    },
    wish({ context, remoteIp, body }) {
      const { bindingContext, bindingHeader } = resolver.global();
      if (bindingContext !== undefined && bindingContext !== '') {
        const named = context.message.get(bindingContext) ?? context.connection.get(bindingContext);
        if (named !== undefined && named !== '') return named;
      }
      if (bindingHeader === undefined || bindingHeader === '' || body === undefined) return undefined;
      refresh();
      const ip = trusted.length === 0 ? undefined : parseIp(remoteIp);
      if (ip === undefined || !trusted.some((cidr) => cidrContains(cidr, ip))) return undefined;
      const value = HeaderBlock.parse(body).find(bindingHeader)?.trim();
      return value === '' ? undefined : value;
    },
    get isDefaultForbidden() {
      return resolver.global().defaultBinding === 'none';
    },
  };
}
