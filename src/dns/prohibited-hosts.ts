// Addresses that mail is never sent to, however the DNS came to name them (Prohibited_Hosts, OUT-29).
//
// The rule to know: by default whatever somebody else chose (an MX record, a domain, an address literal of a recipient) must not lead
// to this machine, its links or a multicast group: else a stranger's DNS makes us talk to services that trust us. A list of the
// operator replaces the default. What the operator wrote as a destination (gateway, route) is never prohibited.

import { parseCidr, parseIp, PrefixTrie } from '#base';
import type { IpAddress } from '#base';

/** Who chose the address: the operator in the configuration, or somebody else. */
export type AddressSource = 'operator' | 'learnt';

/** This machine, its links, multicast, and the same inside IPv6 forms that carry IPv4; cloud metadata services live on links. */
export const prohibitedByDefault: readonly string[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '255.255.255.255',
  '::/96',
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::254',
  '64:ff9b::/104',
  '64:ff9b::127.0.0.0/104',
  '64:ff9b::169.254.0.0/112',
];

const compiled = new WeakMap<readonly string[], PrefixTrie<true>>();

/**
 * Whether mail may not go to the address. `list` is the option's value, undefined when it is unset; entries that are no network
 * count for nothing (the configuration refuses them). A text that is no address is prohibited.
 */
export function isProhibited(ip: IpAddress | string, list: readonly string[] | undefined, source: AddressSource): boolean {
  if (source === 'operator') return false;
  const address = typeof ip === 'string' ? parseIp(ip) : ip;
  return address === undefined || trieOf(list ?? prohibitedByDefault).match(address) === true;
}

/** Compiled once per list: the configuration hands over the same array until it changes. */
function trieOf(list: readonly string[]): PrefixTrie<true> {
  const known = compiled.get(list);
  if (known !== undefined) return known;
  const trie = new PrefixTrie<true>();
  for (const entry of list) {
    const cidr = parseCidr(entry);
    if (cidr !== undefined) trie.insert(cidr, true);
  }
  compiled.set(list, trie);
  return trie;
}
