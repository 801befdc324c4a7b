/**
 * Writes and reads the few kinds of values of which a packed entry consists: whole numbers of any size, and texts.
 *
 * The one rule: small is short (a number below 128 is one octet), and what was written comes back exactly. A text of ASCII alone is written octet
 * by octet, any other as UTF-8. Not here: which values there are and in which order (packing.ts).
 */
export class PackedBytes {
  buffer: Buffer;
  at = 0;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** A whole number from 0 to 2^53. */
  putNumber(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.buffer[this.at] = (rest % 128) | 128;
      this.at += 1;
      rest = Math.floor(rest / 128);
    }
    this.buffer[this.at] = rest;
    this.at += 1;
  }

  number(): number {
    let value = 0;
    let factor = 1;
    for (;;) {
      const octet = this.buffer[this.at] as number;
      this.at += 1;
      if (octet < 128) return value + octet * factor;
      value += (octet - 128) * factor;
      factor *= 128;
    }
  }

  /** A whole number of either sign. */
  putSigned(value: number): void {
    this.putNumber(value < 0 ? -value * 2 - 1 : value * 2);
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  putText(text: string): void {
    const { length } = text;
    const from = this.at;
    this.putNumber(length * 2);
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.at = from;
        this.putNumber(Buffer.byteLength(text, 'utf8') * 2 + 1);
        this.at += this.buffer.write(text, this.at, 'utf8');
        return;
      }
      this.buffer[this.at + i] = code;
    }
    this.at += length;
  }

  text(): string {
    const word = this.number();
    const from = this.at;
    this.at += Math.floor(word / 2);
    return this.buffer.toString(word % 2 === 0 ? 'latin1' : 'utf8', from, this.at);
  }
}
