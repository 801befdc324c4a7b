// base: the ground floor. Time, chance, timers, bounded containers, addresses, names and ids that every room uses.
//
// The rule to know: nothing here knows of mail, configuration or threads, and nothing here does input or output; the only
// parts of the machine it touches are the clock, one interval timer and the random generator, so that no other room has to.
// What two rooms need and is not pure ground (a protocol, a format, a policy) belongs to the lower of the two rooms, not here.

export { assert, impossible, ImpossibleError } from './assert.ts';
export { ManualClock, systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { seededRandom, shuffle, systemRandom } from './random.ts';
export type { Random } from './random.ts';
export { TimerWheel } from './timer-wheel.ts';
export type { TimerWheelOptions } from './timer-wheel.ts';
export { Lru } from './lru.ts';
export { Ring } from './ring.ts';
export { ipEquals, ipFromBytes, parseIp, unmapIp } from './ip.ts';
export type { IpAddress } from './ip.ts';
export { cidrContains, cidrOf, formatCidr, parseCidr } from './cidr.ts';
export type { Cidr } from './cidr.ts';
export { PrefixTrie } from './prefix-trie.ts';
export { formatEndpoint, parseEndpoint, parseHostPort } from './endpoint.ts';
export type { Endpoint, HostPort, TcpEndpoint, UnixEndpoint } from './endpoint.ts';
export { foldDomain, toAsciiDomain } from './domain-name.ts';
export type { DomainRules } from './domain-name.ts';
export { IdTable } from './id-table.ts';
export type { IdRows } from './id-table.ts';
export { RowPool, rowsPerPage } from './row-pool.ts';
export type { PageOwner } from './row-pool.ts';
export { Slabs } from './slabs.ts';
export type { Block } from './slabs.ts';
export { Slices } from './slices.ts';
export { LeftGlobs } from './left-glob.ts';
export { nearestName } from './nearest-name.ts';
export { formatMessageId, messageIdHeader, messageIdOf, MessageIdReader, MessageIdSource, parseMessageId } from './message-id.ts';
export type { MessageIdParts, MessageIdSourceOptions } from './message-id.ts';
