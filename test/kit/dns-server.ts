/**
 * A name server under the test's control: real UDP and TCP on one free port of 127.0.0.1, zones given as data.
 *
 * The one rule: it answers as the zones say, and misbehaves as told per question (`misbehave`), so that a test can be the bad network:
 * drop, answer late, cut, lie about id or question, fail. It keeps what it was asked.
 * A name is there when the data has it or something below it; `SOA minimum` is the option `negativeTtl`.
 */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import dnsPacket, { type Answer, type Packet } from 'dns-packet';

/** Records of one name, in the short forms of zone files. A number `ttl` holds for all of them (default 300). */
export interface ZoneRecords {
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  /** "10 mx.example", or "0 ." for a domain without mail. */
  readonly MX?: readonly string[];
  readonly TXT?: readonly string[];
  readonly PTR?: readonly string[];
  readonly CNAME?: string;
  /** "3 1 1 0123abcd..." */
  readonly TLSA?: readonly string[];
  readonly ttl?: number;
}

export type Zones = Readonly<Record<string, ZoneRecords>>;

export interface DnsQuestion {
  /** Lower case. */
  readonly name: string;
  readonly type: string;
  readonly protocol: 'udp' | 'tcp';
  readonly edns: boolean;
  /** The AD bit is set: the asker wants to know whether the answer was verified. */
  readonly asksForProof: boolean;
  /** Where it came from. */
  readonly fromPort: number;
  readonly id: number;
}

export type Misbehaviour =
  | 'drop'
  | 'servfail'
  | 'refused'
  | 'formerr'
  /** TC set, no records. */
  | 'truncate'
  /** TC set, cut in the middle of a record. */
  | 'cut'
  /** First a packet with another id, then the right one. */
  | 'wrong-id'
  | 'only-wrong-id'
  | 'only-wrong-question'
  | 'garbage'
  | 'close'
  /** Answers, then the same again. */
  | 'twice'
  | { readonly delayMs: number }
  /** Sends this instead, whatever it is. */
  | { readonly packet: Buffer };

export interface DnsServerOptions {
  readonly zones: Zones;
  readonly misbehave?: (question: DnsQuestion) => Misbehaviour | undefined;
  /** Seconds; the SOA minimum of negative answers. null leaves the SOA out. Default 60. */
  readonly negativeTtl?: number | null;
  /** Sets the AD bit. */
  readonly authenticated?: boolean;
  /** UDP answers longer than this are truncated, if the question did not offer more. Default 512. */
  readonly udpBytes?: number;
}

export class DnsServer {
  readonly questions: DnsQuestion[] = [];
  zones: Map<string, ZoneRecords>;
  misbehave: (question: DnsQuestion) => Misbehaviour | undefined;
  readonly #options: DnsServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #udp: Datagrams | undefined;
  #tcp: NetServer | undefined;

  constructor(options: DnsServerOptions) {
    this.#options = options;
    this.zones = new Map(Object.entries(options.zones));
    this.misbehave = options.misbehave ?? (() => undefined);
  }

  get port(): number {
    return (this.#tcp!.address() as { port: number }).port;
  }

  /** As a name server line of a resolver file. */
  get line(): string {
    return `nameserver [127.0.0.1]:${this.port}`;
  }

  /** What was asked, as "TYPE name", in order. */
  get asked(): string[] {
    return this.questions.map((q) => `${q.type} ${q.name}`);
  }

  async listen(): Promise<this> {
    // A port that is free for TCP may be taken for UDP: a few tries find one that is free for both.
    for (let attempt = 0; ; attempt++) {
      this.#tcp = createServer((socket) => this.#serveStream(socket));
      await new Promise<void>((done) => this.#tcp!.listen(0, '127.0.0.1', done));
      const udp = createSocket('udp4');
      const failure = await new Promise<Error | undefined>((done) => {
        udp.once('error', done);
        udp.bind(this.port, '127.0.0.1', () => done(undefined));
      });
      if (failure === undefined) {
        this.#udp = udp;
        udp.on('message', (packet, from) => this.#serveDatagram(packet, from.address, from.port));
        return this;
      }
      udp.close();
      await new Promise((done) => this.#tcp!.close(done));
      if (attempt === 10) throw failure;
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => this.#udp!.close(() => done()));
    await new Promise((done) => this.#tcp!.close(done));
  }

  #serveDatagram(packet: Buffer, address: string, port: number): void {
    this.#answer(packet, 'udp', port, (answer) => this.#udp!.send(answer, port, address));
  }

  #serveStream(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let got = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      while (got.length >= 2 && got.length >= got.readUInt16BE(0) + 2) {
        const packet = got.subarray(2, got.readUInt16BE(0) + 2);
        got = got.subarray(packet.length + 2);
        const port = socket.remotePort ?? 0;
        this.#answer(
          packet,
          'tcp',
          port,
          (answer) => {
            const prefix = Buffer.alloc(2);
            prefix.writeUInt16BE(answer.length);
            socket.write(Buffer.concat([prefix, answer]));
          },
          () => socket.destroy(),
        );
      }
    });
  }

  #answer(packet: Buffer, protocol: 'udp' | 'tcp', fromPort: number, send: (answer: Buffer) => void, hangUp?: () => void): void {
    const query = dnsPacket.decode(packet);
    const asked = query.questions?.[0];
    if (asked === undefined) return;
    const opt = query.additionals?.find((a) => a.type === 'OPT');
    const question: DnsQuestion = {
      name: asked.name.toLowerCase(),
      type: asked.type,
      protocol,
      edns: opt !== undefined,
      asksForProof: ((query.flags ?? 0) & dnsPacket.AUTHENTIC_DATA) !== 0,
      fromPort,
      id: query.id ?? 0,
    };
    this.questions.push(question);
    const how = this.misbehave(question);
    const limit = protocol === 'tcp' ? 65535 : opt?.type === 'OPT' ? opt.udpPayloadSize : (this.#options.udpBytes ?? 512);
    const truth = this.#truth(query, question);
    let whole = dnsPacket.encode(truth);
    if (whole.length > limit) whole = dnsPacket.encode({ ...truth, answers: [], flags: (truth.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE });
    if (typeof how === 'object') {
      if ('packet' in how) send(how.packet);
      else this.#timers.add(setTimeout(() => send(whole), how.delayMs));
      return;
    }
    const plain = (rcode: number, extra: Partial<Packet> = {}): Buffer => {
      const refusal: Packet = { ...truth, answers: [], authorities: [], additionals: [], ...extra };
      const bytes = dnsPacket.encode(refusal);
      bytes[3] = ((bytes[3] ?? 0) & 0xf0) | rcode;
      return bytes;
    };
    const truncated = (truth.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE;
    const otherId = { ...truth, id: ((truth.id ?? 0) + 1) & 0xffff };
    switch (how) {
      case 'drop':
        return;
      case 'close':
        hangUp?.();
        return;
      case 'servfail':
        return send(plain(2));
      case 'refused':
        return send(plain(5));
      case 'formerr':
        return send(plain(1));
      case 'truncate':
        return send(plain(0, { flags: truncated }));
      case 'cut':
        return send(dnsPacket.encode({ ...truth, flags: truncated }).subarray(0, -3));
      case 'only-wrong-id':
        return send(dnsPacket.encode(otherId));
      case 'wrong-id':
        send(dnsPacket.encode({ ...otherId, answers: [] }));
        return send(whole);
      case 'only-wrong-question':
        return send(dnsPacket.encode({ ...truth, questions: [{ type: asked.type, name: `other.${asked.name}` }] }));
      case 'garbage': {
        const broken = Buffer.alloc(200, 0xc0);
        packet.copy(broken, 0, 0, 2);
        broken[2] = 0x80;
        return send(broken);
      }
      case 'twice':
        send(whole);
        return send(whole);
      default:
        send(whole);
    }
  }

  /** The right answer, aliases followed as far as the zones go. */
  #truth(query: Packet, question: DnsQuestion): Packet {
    const answers: Answer[] = [];
    let name = question.name;
    for (let hops = 0; hops < 20; hops++) {
      const records = this.zones.get(name);
      const direct = records === undefined ? [] : answersOf(name, question.type, records);
      answers.push(...direct);
      if (direct.length > 0 || records?.CNAME === undefined) break;
      answers.push({ type: 'CNAME', name, ttl: records.ttl ?? 300, class: 'IN', data: records.CNAME });
      name = records.CNAME.toLowerCase();
    }
    const isThere = [...this.zones.keys()].some((known) => known === name || known.endsWith(`.${name}`));
    const isNegative = !answers.some((a) => a.type === question.type);
    // An alias out of our zones is left to the resolver to follow.
    const isOpen = isNegative && answers.length > 0 && !isThere && !this.zones.has(name);
    const negativeTtl = this.#options.negativeTtl === undefined ? 60 : this.#options.negativeTtl;
    const soa: Answer[] =
      isNegative && !isOpen && negativeTtl !== null
        ? [
            {
              type: 'SOA',
              name: 'test',
              ttl: 3600,
              class: 'IN',
              data: { mname: 'ns.test', rname: 'root.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: negativeTtl },
            },
          ]
        : [];
    const flags =
      dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (this.#options.authenticated === true ? dnsPacket.AUTHENTIC_DATA : 0);
    const rcode = isNegative && !isOpen && !isThere ? 3 : 0;
    return {
      type: 'response',
      id: query.id,
      flags: flags | rcode,
      questions: query.questions ?? [],
      answers,
      authorities: soa,
      additionals: [],
    };
  }
}

function answersOf(name: string, type: string, records: ZoneRecords): Answer[] {
  const common = { name, ttl: records.ttl ?? 300, class: 'IN' as const };
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'PTR':
      return (records[type] ?? []).map((data) => ({ ...common, type, data }));
    case 'MX':
      return (records.MX ?? []).map((line) => {
        const [preference = '0', exchange = '.'] = line.split(' ');
        return { ...common, type, data: { preference: Number(preference), exchange } };
      });
    case 'TXT':
      return (records.TXT ?? []).map((text) => ({ ...common, type, data: text.match(/[^]{1,255}/g) ?? [''] }));
    case 'TLSA':
      return (records.TLSA ?? []).map((line) => {
        const [usage, selector, matchingType, hex = ''] = line.split(' ');
        return {
          ...common,
          type,
          data: {
            usage: Number(usage),
            selector: Number(selector),
            matchingType: Number(matchingType),
            certificate: Buffer.from(hex, 'hex'),
          },
        };
      });
    case 'CNAME':
      return records.CNAME === undefined ? [] : [{ ...common, type, data: records.CNAME }];
    default:
      return [];
  }
}

/** A name server that is closed when the test ends. */
export async function startDnsServer(t: { after(fn: () => Promise<void>): void }, options: DnsServerOptions): Promise<DnsServer> {
  const server = await new DnsServer(options).listen();
  t.after(async () => server.close());
  return server;
}
