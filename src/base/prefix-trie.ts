// Values by network, found by address: the most specific network wins. A path-compressed binary trie, one root a family.
//
// The rule to know: a look-up costs at most one step per bit of the address, however many networks there are, and usually
// a handful. IPv4-mapped IPv6 addresses and networks are taken as IPv4. It has no bound of its own: it holds configuration,
// which is bounded where it is read; a cache of peers is an Lru's work.

import { cidrOf, commonBits, unmapCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { ipFromBytes, unmapIp } from './ip.ts';
import type { IpAddress } from './ip.ts';

interface Node<V> {
  bytes: Uint8Array;
  bits: number;
  /** Only meaningful when `isSet`: the value itself may be undefined. */
  value: V | undefined;
  isSet: boolean;
  zero: Node<V> | undefined;
  one: Node<V> | undefined;
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1;
}

function leaf<V>(bytes: Uint8Array, bits: number, value: V): Node<V> {
  return { bytes, bits, value, isSet: true, zero: undefined, one: undefined };
}

function attach<V>(parent: Node<V>, child: Node<V>): void {
  if (bitAt(child.bytes, parent.bits) === 0) parent.zero = child;
  else parent.one = child;
}

export class PrefixTrie<V> {
  readonly #v4: Node<V> = { bytes: new Uint8Array(4), bits: 0, value: undefined, isSet: false, zero: undefined, one: undefined };
  readonly #v6: Node<V> = { bytes: new Uint8Array(16), bits: 0, value: undefined, isSet: false, zero: undefined, one: undefined };
  #size = 0;

  /** Networks held. */
  get size(): number {
    return this.#size;
  }

  /** Gives a network its value; a network already there gets the new one. */
  insert(cidr: Cidr, value: V): void {
    const plain = unmapCidr(cidr);
    const { bits } = plain;
    const { bytes } = cidrOf(plain.ip, bits).ip;
    let node = bytes.length === 4 ? this.#v4 : this.#v6;
    for (;;) {
      if (node.bits === bits) {
        if (!node.isSet) this.#size += 1;
        node.value = value;
        node.isSet = true;
        return;
      }
      const child = bitAt(bytes, node.bits) === 0 ? node.zero : node.one;
      if (child === undefined) {
        attach(node, leaf(bytes, bits, value));
        this.#size += 1;
        return;
      }
      const common = commonBits(child.bytes, bytes, Math.min(child.bits, bits), node.bits);
      if (common < child.bits) {
        // The child's path leaves ours at `common`: a node goes in between, which may be the new network itself.
        const fork: Node<V> = { bytes, bits: common, value: undefined, isSet: false, zero: undefined, one: undefined };
        attach(node, fork);
        attach(fork, child);
        node = fork;
      } else {
        node = child;
      }
    }
  }

  /** The value of the most specific network around the address. */
  match(ip: IpAddress): V | undefined {
    let found: V | undefined;
    this.#walk(unmapIp(ip).bytes, (value) => {
      found = value;
    });
    return found;
  }

  /** The values of all networks around the address, most specific first. */
  matches(ip: IpAddress): V[] {
    const found: V[] = [];
    this.#walk(unmapIp(ip).bytes, (value) => {
      found.push(value);
    });
    return found.reverse();
  }

  /** The value of exactly this network. */
  find(cidr: Cidr): V | undefined {
    const plain = unmapCidr(cidr);
    let found: V | undefined;
    this.#walk(plain.ip.bytes, (value, bits) => {
      if (bits === plain.bits) found = value;
    });
    return found;
  }

  /** All networks, in order of address. */
  *entries(): IterableIterator<[Cidr, V]> {
    const stack = [this.#v6, this.#v4];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (node.isSet) {
        const ip = ipFromBytes(node.bytes);
        if (ip !== undefined) yield [cidrOf(ip, node.bits), node.value as V];
      }
      if (node.one !== undefined) stack.push(node.one);
      if (node.zero !== undefined) stack.push(node.zero);
    }
  }

  #walk(bytes: Uint8Array, visit: (value: V, bits: number) => void): void {
    const most = bytes.length * 8;
    let node: Node<V> | undefined = bytes.length === 4 ? this.#v4 : this.#v6;
    let known = 0;
    while (node !== undefined && commonBits(node.bytes, bytes, node.bits, known) === node.bits) {
      if (node.isSet) visit(node.value as V, node.bits);
      if (node.bits === most) return;
      known = node.bits;
      node = bitAt(bytes, node.bits) === 0 ? node.zero : node.one;
    }
  }
}
