// The wire under the resolver: datagrams and streams to a name server, behind an interface so that tests can be the network.
//
// The rule to know: a datagram channel is connected, so only packets from that server's address and port come up (the kernel checks),
// and each channel has an unpredictable local port of its own. A stream carries one question. Nothing here knows what a packet means.

import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';

export interface NameServer {
  /** IPv4 or IPv6 in canonical text. */
  readonly ip: string;
  readonly port: number;
}

export interface Channel {
  /** Sends, sooner or later or not at all; a failure comes as `failed`. */
  send(packet: Buffer): void;
  /** Nothing is heard afterwards. */
  close(): void;
}

export interface DnsTransport {
  /** Opens a channel for many questions to one server. */
  datagrams(server: NameServer, ears: { heard(packet: Buffer): void; failed(reason: string): void }): Channel;
  /** Asks once over a stream; `done` gets the answer without its length prefix, or a reason. Never called after close. */
  stream(server: NameServer, packet: Buffer, done: (answer: Buffer | undefined, reason: string) => void): { close(): void };
}

const longestAnswer = 65_535;

/** Real sockets. They keep the process alive only while a question waits on a stream; timers are the resolver's. */
export const socketTransport: DnsTransport = {
  datagrams(server, ears) {
    const socket = createSocket({
      type: isIPv6(server.ip) ? 'udp6' : 'udp4',
      // Room for the answers to a channel full of questions while the loop does something else; the kernel takes what it allows.
      recvBufferSize: 1_048_576,
      lookup: (_name, _options, done) => done(null, server.ip, isIPv6(server.ip) ? 6 : 4),
    });
    let isConnected = false;
    let isClosed = false;
    // Few by nature: a socket connects within a turn, and the exchange bounds the questions on a channel.
    let early: Buffer[] = [];
    const fail = (error: Error): void => {
      if (!isClosed) ears.failed(error.message);
    };
    socket.on('error', fail);
    socket.on('message', (packet) => {
      if (!isClosed) ears.heard(packet);
    });
    const send = (packet: Buffer): void => {
      socket.send(packet, (error) => {
        if (error !== null) fail(error);
      });
    };
    socket.connect(server.port, server.ip, () => {
      if (isClosed) return;
      isConnected = true;
      for (const packet of early) send(packet);
      early = [];
    });
    socket.unref();
    return {
      send: (packet) => {
        if (isClosed) return;
        if (isConnected) send(packet);
        else early.push(packet);
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        socket.close();
      },
    };
  },

  stream(server, packet, done) {
    let isOver = false;
    let got = Buffer.alloc(0);
    const socket = connect({ host: server.ip, port: server.port, noDelay: true });
    const finish = (answer: Buffer | undefined, reason: string): void => {
      if (isOver) return;
      isOver = true;
      socket.destroy();
      done(answer, reason);
    };
    const prefix = Buffer.alloc(2);
    prefix.writeUInt16BE(packet.length);
    socket.write(Buffer.concat([prefix, packet]));
    socket.on('data', (chunk) => {
      got = got.length === 0 ? chunk : Buffer.concat([got, chunk], Math.min(got.length + chunk.length, longestAnswer + 2));
      if (got.length < 2) return;
      const length = got.readUInt16BE(0);
      if (got.length >= length + 2) finish(got.subarray(2, length + 2), '');
    });
    socket.on('error', (error) => finish(undefined, error.message));
    socket.on('close', () => finish(undefined, 'the server closed the connection before its answer was complete'));
    return {
      close: () => {
        isOver = true;
        socket.destroy();
      },
    };
  },
};
