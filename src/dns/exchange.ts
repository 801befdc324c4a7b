// One question to one server, until it is answered, refused or too late.
//
// The rule to know: an answer counts only when it comes from that server over the channel it was asked on, with the id of the question
// and the question itself; anything else is ignored and counted, and the question goes on waiting. Ids are random, local ports change
// every few hundred questions. A truncated answer is asked again over TCP; a server that does not know EDNS is asked without.
// It does not try a second server and keeps no answers: that is the resolver's work. Truth: RFC 5452 (forgery), RFC 7766 (TCP), RFC 6891 (EDNS).

import type { Random, TimerWheel } from '#base';
import { decodeResponse, encodeQuery, packetId, rcodes } from './message.ts';
import type { Question, Response } from './message.ts';
import type { Channel, DnsTransport, NameServer } from './transport.ts';

export type ExchangeResult =
  | { kind: 'response'; response: Response }
  | { kind: 'timeout' }
  /** The server answered, or its machine did, but not with anything to use. */
  | { kind: 'unusable'; reason: string };

/** Questions that wait on one channel at once. */
const waitingPerChannel = 256;
/** Questions asked on one channel before it makes place for one with another port. */
const questionsPerChannel = 400;
const channelsPerServer = 4;
/** Streams open at once; beyond it a truncated answer counts as unusable. */
const mostStreams = 64;

interface Pending {
  readonly server: NameServer;
  readonly question: Question;
  readonly timeoutMs: number;
  readonly done: (result: ExchangeResult) => void;
  edns: boolean;
  id: number;
  timer: number;
  channel: OpenChannel | undefined;
  stream: { close(): void } | undefined;
}

interface OpenChannel {
  readonly key: string;
  wire: Channel;
  asked: number;
  waiting: Map<number, Pending>;
}

interface ExchangeOptions {
  transport: DnsTransport;
  wheel: TimerWheel;
  random: Random;
  /** Ask again over TCP when an answer was cut; otherwise what arrived must do. */
  fallbackToTcp: boolean;
  /** The servers are asked to say whether they verified their answers. */
  asksForProof: boolean;
}

export class Exchange {
  readonly #o: ExchangeOptions;
  readonly #channels = new Map<string, OpenChannel[]>();
  readonly #withoutEdns = new Set<string>();
  #streams = 0;
  #ignored = 0;

  constructor(o: ExchangeOptions) {
    this.#o = o;
  }

  /** Packets that answered no question of ours. */
  get ignored(): number {
    return this.#ignored;
  }

  /** Asks; `done` is called once, never before this returns. */
  ask(server: NameServer, question: Question, timeoutMs: number, done: (result: ExchangeResult) => void): void {
    const edns = !this.#withoutEdns.has(keyOf(server));
    const pending: Pending = { server, question, timeoutMs, done, edns, id: 0, timer: 0, channel: undefined, stream: undefined };
    this.#arm(pending);
    this.#send(pending);
  }

  /** Closes all channels; questions that wait hear `unusable`. */
  close(): void {
    for (const channel of [...this.#channels.values()].flat()) this.#fail(channel, 'the resolver was closed');
  }

  #arm(pending: Pending): void {
    if (pending.timer !== 0) this.#o.wheel.cancel(pending.timer);
    pending.timer = this.#o.wheel.schedule(pending.timeoutMs, (late) => this.#finish(late, { kind: 'timeout' }), pending);
  }

  #send(pending: Pending): void {
    const channel = this.#channelTo(pending.server);
    let id = this.#o.random.int(65_536);
    while (channel.waiting.has(id)) id = (id + 1) & 0xffff;
    pending.id = id;
    pending.channel = channel;
    channel.asked += 1;
    channel.waiting.set(id, pending);
    channel.wire.send(encodeQuery(id, pending.question, { edns: pending.edns, asksForProof: this.#o.asksForProof }));
  }

  #channelTo(server: NameServer): OpenChannel {
    const key = keyOf(server);
    const channels = this.#channels.get(key) ?? [];
    this.#channels.set(key, channels);
    const usable = channels.filter((c) => c.asked < questionsPerChannel && c.waiting.size < waitingPerChannel);
    if (usable.length > 0 && channels.length >= channelsPerServer) return usable[this.#o.random.int(usable.length)] as OpenChannel;
    const channel: OpenChannel = { key, wire: { send: () => {}, close: () => {} }, asked: 0, waiting: new Map() };
    channel.wire = this.#o.transport.datagrams(server, {
      heard: (packet) => this.#heard(channel, packet),
      failed: (reason) => this.#fail(channel, reason),
    });
    channels.push(channel);
    return channel;
  }

  #heard(channel: OpenChannel, packet: Buffer): void {
    const pending = channel.waiting.get(packetId(packet) ?? -1);
    const response = decodeResponse(packet);
    if (pending === undefined || (response !== undefined && !answers(pending.question, response))) {
      this.#ignored += 1;
      return;
    }
    if (response === undefined) {
      this.#finish(pending, { kind: 'unusable', reason: 'the answer cannot be read' });
      return;
    }
    const isEdnsTrouble =
      response.rcode === rcodes.formatError || response.rcode === rcodes.notImplemented || response.rcode === rcodes.badVersion;
    if (pending.edns && isEdnsTrouble) {
      this.#withoutEdns.add(channel.key);
      this.#leaveChannel(pending);
      pending.edns = false;
      this.#send(pending);
    } else if (response.isTruncated && (this.#o.fallbackToTcp || response.answers.length === 0)) {
      if (this.#o.fallbackToTcp) this.#askByStream(pending);
      else this.#finish(pending, { kind: 'unusable', reason: 'the answer was truncated' });
    } else {
      this.#finish(pending, { kind: 'response', response });
    }
  }

  #askByStream(pending: Pending): void {
    this.#leaveChannel(pending);
    if (this.#streams >= mostStreams) {
      this.#finish(pending, { kind: 'unusable', reason: 'too many TCP questions are waiting' });
      return;
    }
    this.#streams += 1;
    this.#arm(pending);
    const packet = encodeQuery(pending.id, pending.question, { edns: pending.edns, asksForProof: this.#o.asksForProof });
    pending.stream = this.#o.transport.stream(pending.server, packet, (answer, reason) => {
      const response = answer === undefined ? undefined : decodeResponse(answer);
      if (response === undefined || response.id !== pending.id || response.isTruncated || !answers(pending.question, response)) {
        this.#finish(pending, { kind: 'unusable', reason: answer === undefined ? reason : 'the TCP answer cannot be read' });
      } else {
        this.#finish(pending, { kind: 'response', response });
      }
    });
  }

  #finish(pending: Pending, result: ExchangeResult): void {
    this.#o.wheel.cancel(pending.timer);
    this.#leaveChannel(pending);
    if (pending.stream !== undefined) {
      pending.stream.close();
      pending.stream = undefined;
      this.#streams -= 1;
    }
    pending.done(result);
  }

  #leaveChannel(pending: Pending): void {
    const { channel } = pending;
    pending.channel = undefined;
    if (channel === undefined) return;
    channel.waiting.delete(pending.id);
    if (channel.waiting.size === 0 && channel.asked >= questionsPerChannel) this.#retire(channel);
  }

  #retire(channel: OpenChannel): void {
    channel.wire.close();
    const channels = this.#channels.get(channel.key) ?? [];
    const at = channels.indexOf(channel);
    if (at >= 0) channels.splice(at, 1);
  }

  #fail(channel: OpenChannel, reason: string): void {
    const waiting = [...channel.waiting.values()];
    channel.waiting.clear();
    this.#retire(channel);
    for (const pending of waiting) this.#finish(pending, { kind: 'unusable', reason });
  }
}

function keyOf(server: NameServer): string {
  return `${server.ip} ${server.port}`;
}

/** Some servers leave the question out of an error; nothing with records may (RFC 5452, 9.1). */
function answers(question: Question, response: Response): boolean {
  if (response.question === undefined)
    return response.rcode !== rcodes.noError && response.rcode !== rcodes.noSuchName && response.answers.length === 0;
  return response.question.name === question.name && response.question.type === question.type;
}
