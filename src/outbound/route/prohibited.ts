/**
 * Addresses that mail is never delivered to.
 *
 * The one rule: what Prohibited_Hosts lists is forbidden for every route. Where the operator did not set it, what a stranger's DNS says is
 * checked against a list of our own: this host, link-local (with the cloud's metadata address), multicast, "this network". What the
 * operator wrote himself (Gateway, Routes) is then free, and `Prohibited_Hosts = ( )` forbids nothing.
 * Bound: one compiled list is kept. Truth: rule OUT-29; attack A52.
 */
import { parseCidr, parseIp, PrefixTrie } from '#base';
import type { Target } from './targets.ts';

export const FOREIGN_PROHIBITED: readonly string[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  'fe80::/10',
  'ff00::/8',
];

function compile(list: readonly string[]): PrefixTrie<true> {
  const trie = new PrefixTrie<true>();
  for (const text of list) {
    const cidr = parseCidr(text);
    if (cidr !== undefined) trie.insert(cidr, true);
  }
  return trie;
}

const foreign = compile(FOREIGN_PROHIBITED);

export class Prohibited {
  #list: readonly string[] | undefined;
  #trie: PrefixTrie<true> | undefined;

  /** @param list the value of Prohibited_Hosts, undefined when nobody set it */
  forbids(target: Target, list: readonly string[] | undefined): boolean {
    const ip = parseIp(target.ip);
    if (ip === undefined) return true;
    if (list === undefined) return target.isForeign && foreign.match(ip) === true;
    if (this.#trie === undefined || this.#list !== list) {
      this.#trie = compile(list);
      this.#list = list;
    }
    return this.#trie.match(ip) === true;
  }
}
