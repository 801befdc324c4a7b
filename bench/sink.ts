/**
 * A next hop that notes when each message was complete, for latencies: smtp-sink tells a count and no times. It says yes to everything.
 *
 * The one rule: the number of a message stands in its sender, `<n17@bench.test>`, so that whoever sent it can look up when it came. It runs in the
 * process that measures, and so on its clock. For rates smtp-sink is used: this one would be measured with the server.
 */
import { createServer, type Server, type Socket } from 'node:net';

const NUMBER = /^MAIL FROM:<n(\d+)@/i;

export class TimingSink {
  /** Message number -> milliseconds of performance.now() at its final dot. */
  readonly arrivals = new Map<number, number>();
  readonly #server: Server;

  constructor(port: number) {
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket)).listen(port, '127.0.0.1');
  }

  async stop(): Promise<void> {
    await new Promise((done) => this.#server.close(done));
  }

  #serve(socket: Socket): void {
    let rest = '';
    let isBody = false;
    let number = -1;
    socket.on('error', () => undefined);
    socket.write('220 sink.test ESMTP\r\n');
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\r\n');
      rest = lines.pop() ?? '';
      let said = '';
      for (const line of lines) {
        if (isBody) {
          if (line !== '.') continue;
          isBody = false;
          this.arrivals.set(number, performance.now());
          said += '250 ok\r\n';
          continue;
        }
        const found = NUMBER.exec(line);
        if (found !== null) number = Number(found[1]);
        isBody = line === 'DATA';
        said += isBody
          ? '354 go on\r\n'
          : line.startsWith('EHLO')
            ? '250-sink.test\r\n250 PIPELINING\r\n'
            : line === 'QUIT'
              ? '221 bye\r\n'
              : '250 ok\r\n';
      }
      if (said !== '') socket.write(said);
      if (said.endsWith('221 bye\r\n')) socket.end();
    });
  }
}
