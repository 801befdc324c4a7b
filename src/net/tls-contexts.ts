/**
 * TLS contexts of listeners: certificate, key, authorities, ciphers and versions of a stanza, made once and kept.
 *
 * The one rule: a context is made whole or refused with the option and the file named; a file that went bad while the server
 * runs leaves the context made before in force and says so. Each listener has its own, so that no session ticket of one is good
 * at another. Files are looked at again when the configuration is read, and every `CHECK_EVERY_MS` while connections come.
 * Bound: `CONTEXTS_MAX` contexts; the one used longest ago goes first.
 * Not here: the handshake (connection.ts), what keys of tickets are made of (ticket-secret.ts). Truth: rules TLSI-01, TLSI-02; OpenSSL's lists of ciphers.
 */
import { constants, createHash, createPrivateKey, X509Certificate, type Hash, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Lru } from '#base';
import type { PanicLog } from '#observe';
import { userName } from './errors.ts';
import { TicketSecret } from './ticket-secret.ts';
import { namesOf, ServerNames } from './tls-names.ts';
import { protocolRange } from './tls-protocols.ts';

/** Contexts kept on one loop. */
const CONTEXTS_MAX = 1024;

/** Milliseconds between two looks at the files of a context that is in use. */
const CHECK_EVERY_MS = 5_000;

/** Bytes of one certificate, key or bundle file. */
const FILE_MAX_BYTES = 16 * 1024 * 1024;

/** `none` ignores what a client presents, `require` insists at the handshake's end in the context only; `optional` looks when there is one. */
export type TlsVerifyMode = 'none' | 'require' | 'optional';

export interface TlsSettings {
  readonly certificate: string;
  /** Where it is absent, the key stands in the certificate's file. */
  readonly key: string | undefined;
  readonly clientCa: string | undefined;
  readonly ciphers: string | undefined;
  readonly protocols: string | undefined;
  readonly verifyMode: TlsVerifyMode;
  /** Further certificates, each with its key in the same file, for clients that name one of their names (SNI). */
  readonly named?: readonly string[] | undefined;
  /** Parameters of DHE ciphers; without them there are none. */
  readonly dhParams?: string | undefined;
}

/** What is needed to begin a handshake. */
export interface TlsContext {
  readonly secureContext: SecureContext;
  readonly requestCertificate: boolean;
  /** The certificate for a name that the client says; undefined when there is only one anyway. */
  readonly contextFor?: ((name: string) => SecureContext | undefined) | undefined;
  /** The listener's own, and those for names. */
  readonly all: readonly SecureContext[];
  /** The same for contexts that were made of the same settings and the same contents of files, on whichever loop. */
  readonly identity: string;
}

/** A stanza whose TLS cannot be had; the message names option and file. */
export class TlsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TlsError';
  }
}

interface Kept {
  context: TlsContext;
  stamp: string;
  checkedAt: number;
  /** Which reading of the configuration it was last looked at for. */
  reading: number;
}

export class TlsContexts {
  readonly #kept = new Lru<string, Kept>({ max: CONTEXTS_MAX });
  readonly #mono: () => number;
  #reading = 0;
  readonly #panic: Pick<PanicLog, 'log'>;
  readonly #dhParams: () => string | undefined;
  readonly #tickets: TicketSecret;

  /**
   * @param o.dhParams the file of TLS_DHParams_File as it is now, for all listeners
   * @param o.tickets shared with other loops; else one of its own
   */
  constructor(o: {
    readonly mono: () => number;
    readonly panic: Pick<PanicLog, 'log'>;
    readonly dhParams?: () => string | undefined;
    readonly tickets?: TicketSecret;
  }) {
    this.#tickets = o.tickets ?? TicketSecret.create();
    this.#mono = o.mono;
    this.#panic = o.panic;
    this.#dhParams = o.dhParams ?? (() => undefined);
  }

  /** The context for settings on a listener. Throws TlsError when it must be made and cannot be. */
  for(stanza: TlsSettings, listener: string): TlsContext {
    const dhParams = this.#dhParams();
    const settings = dhParams === undefined ? stanza : { ...stanza, dhParams };
    const key = `${listener}\0${JSON.stringify(settings)}`;
    const now = this.#mono();
    const kept = this.#kept.get(key);
    if (kept === undefined) {
      const made = { context: this.#made(settings, listener), stamp: stampOf(settings), checkedAt: now, reading: this.#reading };
      this.#kept.set(key, made);
      return made.context;
    }
    if (now - kept.checkedAt >= CHECK_EVERY_MS || kept.reading !== this.#reading) {
      kept.checkedAt = now;
      kept.reading = this.#reading;
      this.#renew(kept, settings, listener);
    }
    return kept.context;
  }

  /** The configuration was read again: every file is looked at before its next use. */
  recheck(): void {
    this.#reading++;
  }

  /** One line a context that is kept: listener, settings, age in seconds since its files were looked at. */
  *lines(): IterableIterator<{ listener: string; certificate: string; clientCa: string; ciphers: string; seconds: number }> {
    for (const [key, { checkedAt }] of this.#kept.entries()) {
      const [listener = '', json = '{}'] = key.split('\0');
      const { certificate, clientCa, ciphers } = JSON.parse(json) as TlsSettings;
      const seconds = (this.#mono() - checkedAt) / 1000;
      yield { listener, certificate, clientCa: clientCa ?? '', ciphers: ciphers ?? '', seconds };
    }
  }

  caches(): { name: string; capacity: number; entries: number; hits: number; misses: number }[] {
    const { max, size, hits, misses } = this.#kept;
    return [{ name: 'tls:contexts', capacity: max, entries: size, hits, misses }];
  }

  /** Forgets all contexts: each is made anew from its files when it is next needed; sessions that began keep theirs. Gives how many there were. */
  flush(): number {
    const { size } = this.#kept;
    this.#kept.clear();
    return size;
  }

  /** The secret of tickets is another one: none that was given out is good any more. Gives how many contexts there were. */
  rekey(): number {
    for (const [, { context }] of this.#kept.entries()) this.#giveTicketKeys(context);
    return this.#kept.size;
  }

  #made(settings: TlsSettings, listener: string): TlsContext {
    const context = makeTlsContext(settings, listener);
    this.#giveTicketKeys(context);
    return context;
  }

  #giveTicketKeys({ all, identity }: TlsContext): void {
    for (const [place, one] of all.entries()) setTicketKeys(one, this.#tickets.keysFor(`${place} ${identity}`));
  }

  #renew(kept: Kept, settings: TlsSettings, listener: string): void {
    const stamp = stampOf(settings);
    if (stamp === kept.stamp) return;
    kept.stamp = stamp;
    try {
      kept.context = this.#made(settings, listener);
    } catch (error) {
      this.#panic.log('ERROR', 'SSL', `${(error as Error).message}; the certificate read before stays in use`);
    }
  }
}

/** Makes a context from files, with keys of tickets that nobody else has. Throws TlsError. */
export function makeTlsContext(settings: TlsSettings, listener = ''): TlsContext {
  const read = createHash('sha256').update(JSON.stringify([listener, settings]));
  const { secureContext } = contextOf(settings, { listener, read });
  const requestCertificate = settings.verifyMode !== 'none';
  const all = [secureContext];
  if (settings.named === undefined || settings.named.length === 0)
    return { secureContext, requestCertificate, all, identity: read.digest('hex') };
  const names = new ServerNames<SecureContext>();
  for (const file of settings.named) {
    const made = contextOf({ ...settings, certificate: file, key: undefined }, { listener, read, option: 'TLS_SNI_Certificates' });
    if (made.names.length === 0) throw new TlsError(`TLS_SNI_Certificates "${file}" holds a certificate without a name`);
    names.add(made.names, made.secureContext);
    all.push(made.secureContext);
  }
  return { secureContext, requestCertificate, contextFor: (name) => names.find(name), all, identity: read.digest('hex') };
}

/** What tls.Server#setTicketKeys does; our connections have no tls.Server. */
function setTicketKeys({ context }: SecureContext, keys: Buffer): void {
  (context as { setTicketKeys(keys: Buffer): void }).setTicketKeys(keys);
}

/** @param o.read hears what the files hold */
function contextOf(
  settings: TlsSettings,
  o: { readonly listener: string; readonly read: Hash; readonly option?: string },
): { secureContext: SecureContext; names: readonly string[] } {
  const { listener, option = 'TLS_Certificate' } = o;
  const certificate = readPem(option, settings.certificate);
  const keyFile = settings.key ?? settings.certificate;
  const key = settings.key === undefined ? certificate : readPem('TLS_Key', settings.key);
  const pair = checkPair({
    certificate,
    key,
    option,
    file: settings.certificate,
    keyFile,
    keyOption: settings.key === undefined ? option : 'TLS_Key',
  });
  const ca = settings.clientCa === undefined ? [] : readAuthorities(settings.clientCa);
  const dhparam = settings.dhParams === undefined ? undefined : readDhParams(settings.dhParams);
  for (const part of [certificate, key, Buffer.concat([ca].flat()), dhparam ?? '']) o.read.update(`${part.length} `).update(part);
  const range = protocolRange(settings.protocols);
  if (typeof range === 'string') throw new TlsError(`TLS_Protocols "${settings.protocols ?? ''}": ${range}`);
  const options: SecureContextOptions = {
    cert: certificate,
    key,
    // Without a bundle nobody verifies: the runtime's own authorities would let any public certificate relay.
    ca,
    honorCipherOrder: true,
    // Nothing else stops a client of TLS 1.2 from beginning handshake upon handshake (A37): the runtime's own switch is only heard
    // where it owns the server.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: createHash('sha256').update(`${listener}\0${settings.certificate}`).digest('hex').slice(0, 32),
    ...range,
    ...(settings.ciphers === undefined ? {} : { ciphers: settings.ciphers }),
    ...(dhparam === undefined ? {} : { dhparam }),
  };
  return { secureContext: secureContextOf(options, settings), names: namesOf(pair) };
}

function secureContextOf(options: SecureContextOptions, settings: TlsSettings): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const cause = (error as Error).message;
    if (settings.dhParams !== undefined && /DH param/i.test(cause))
      throw new TlsError(`TLS_DHParams_File "${settings.dhParams}" cannot be used: ${cause}`);
    if (/cipher/i.test(cause)) throw new TlsError(`TLS_Ciphers "${settings.ciphers ?? ''}": no such ciphers`);
    throw new TlsError(`TLS_Certificate "${settings.certificate}" cannot be used: ${cause}`);
  }
}

interface Pair {
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly option: string;
  readonly file: string;
  readonly keyFile: string;
  readonly keyOption: string;
}

function checkPair(o: Pair): X509Certificate {
  const certificate = certificateIn(o.certificate);
  if (certificate === undefined) throw new TlsError(`${o.option} "${o.file}" holds no certificate in PEM form`);
  let key: KeyObject;
  try {
    key = createPrivateKey(o.key);
  } catch {
    const hint = o.keyOption === 'TLS_Certificate' ? '; name its file in TLS_Key' : '';
    throw new TlsError(`${o.keyOption} "${o.keyFile}" holds no private key in PEM form that can be read without a passphrase${hint}`);
  }
  if (!certificate.checkPrivateKey(key)) throw new TlsError(`TLS_Key "${o.keyFile}" is not the key of ${o.option} "${o.file}"`);
  return certificate;
}

function certificateIn(pem: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function readAuthorities(file: string): Buffer {
  const pem = readPem('TLS_Client_CA', file);
  if (certificateIn(pem) === undefined) throw new TlsError(`TLS_Client_CA "${file}" holds no certificate in PEM form`);
  return pem;
}

/** The runtime takes a file without parameters for none, in silence; the operator would have no DHE and not know it. */
function readDhParams(file: string): Buffer {
  const pem = readPem('TLS_DHParams_File', file);
  if (!/^-----BEGIN (?:X9\.42 )?DH PARAMETERS-----$/m.test(pem.toString('latin1')))
    throw new TlsError(`TLS_DHParams_File "${file}" holds no DH parameters in PEM form`);
  return pem;
}

function readPem(option: string, file: string): Buffer {
  try {
    if (statSync(file).size > FILE_MAX_BYTES) throw new TlsError(`${option} "${file}" is larger than ${FILE_MAX_BYTES} bytes`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof TlsError) throw error;
    const { code = 'error' } = error as NodeJS.ErrnoException;
    const cause = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? `user ${userName()} may not read it` : code;
    throw new TlsError(`${option} "${file}" cannot be read: ${cause}`);
  }
}

/** Changes when a file is written, replaced or linked anew. */
function stampOf(settings: TlsSettings): string {
  return [settings.certificate, settings.key, settings.clientCa, settings.dhParams, ...(settings.named ?? [])]
    .map((file) => {
      if (file === undefined) return '';
      const at = statSync(file, { throwIfNoEntry: false });
      return at === undefined ? 'none' : `${at.dev}:${at.ino}:${at.size}:${at.mtimeMs}`;
    })
    .join(' ');
}
