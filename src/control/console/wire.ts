/*
 * The console protocol's frames: one JSON object a line, UTF-8, at most `frameBytesMax` bytes, in both directions.
 *
 * The server greets with a hello that names the protocol's version; each command carries an id, and any number of `part`
 * frames with that id may answer it before its `end`. Unknown frame kinds are ignored, so that later versions can add some.
 * Deliberately readable with nc and a human eye. The page for other programs: docs/protocols/console.md.
 */

export const protocolVersion = 1;
/** Longest frame, in bytes. A longer one ends the connection. */
const frameBytesMax = 1_048_576;

type ServerFrame =
  | {
      readonly kind: 'hello';
      readonly protocol: number;
      readonly product: string;
      readonly version: string;
      readonly revision: string;
      /** Who the connection is taken to be. */
      readonly user?: string;
      /** By what it may prove who it is; absent when it need not. */
      readonly mechanisms?: readonly string[];
      /** Why it is closed at once. */
      readonly refused?: string;
    }
  | { readonly kind: 'completions'; readonly id: number; readonly words: readonly string[] }
  | { readonly kind: 'challenge'; readonly data: string }
  | { readonly kind: 'welcome'; readonly user: string }
  | { readonly kind: 'denied'; readonly reason: string }
  | { readonly kind: 'part'; readonly id: number; readonly text: string }
  | { readonly kind: 'end'; readonly id: number; readonly ok: boolean };

interface CommandFrame {
  readonly kind: 'command' | 'complete';
  readonly id: number;
  readonly line: string;
}

/** Names a mechanism, or answers a challenge; `data` is base64. */
interface AuthFrame {
  readonly kind: 'auth';
  readonly mechanism?: string;
  readonly data?: string;
}

export function formatFrame(frame: ServerFrame | CommandFrame | AuthFrame): string {
  return `${JSON.stringify(frame)}\n`;
}

/** Cuts a byte stream into frames. `feed` gives the whole ones; text that is no frame is an error that ends the connection. */
export class FrameReader {
  #rest = '';

  feed(text: string): { frames: Record<string, unknown>[]; problem?: string } {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > frameBytesMax) return { frames: [], problem: `a frame is longer than ${frameBytesMax} bytes` };
    const frames: Record<string, unknown>[] = [];
    for (const line of lines) {
      if (line.trim() === '') continue;
      const frame = parseFrame(line);
      if (!frame) return { frames, problem: 'expected one JSON object a line' };
      frames.push(frame);
    }
    return { frames };
  }
}

function parseFrame(line: string): Record<string, unknown> | undefined {
  if (line.length > frameBytesMax) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
