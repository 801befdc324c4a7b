/**
 * What modules bring to authentication: back ends behind a URI scheme of their own (`ecauth://`, `radius://`), and the judgement of tokens.
 *
 * The one rule: "there is no such user", "the password is wrong" and "I cannot tell at the moment" are three answers; the last is
 * temporary (454) and never a refusal (535). Every question is answered exactly once, now or in a later turn; who asks keeps the time, and
 * takes silence and exceptions for "I cannot tell". No secret may be written anywhere by whoever is asked.
 * Not here: mechanisms (#auth), replies (inbound). Truth: rules AUTH-05, AUTH-23, AUTH-28; attack A44; RFC 7628.
 */

export type Credential =
  /** What the back end calls the password: clear text, or for DIGEST-MD5 perhaps its hash. */
  | { readonly kind: 'password'; readonly text: string }
  /** A verifier for SCRAM-SHA-256 (RFC 5803); PLAIN and LOGIN can be checked against it too, nothing else can. */
  | { readonly kind: 'scram'; readonly iterations: number; readonly salt: Buffer; readonly stored: Buffer; readonly server: Buffer }
  /** md5(user:realm:password) in hex. */
  | { readonly kind: 'ha1'; readonly hex: string; readonly realm: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'trouble'; readonly cause: string };

/** Whether a password is right. `text` of a refusal is a word of the back end for the client; it needs no code. */
export type PasswordAnswer =
  { readonly kind: 'pass' } | { readonly kind: 'fail'; readonly text?: string } | { readonly kind: 'trouble'; readonly cause: string };

/** A back end, opened for one uri. */
export interface CredentialSource {
  /** What is stored for a user. A back end that never gives it out answers 'none'; then only PLAIN and LOGIN can use it. */
  find(user: string, realm: string, answer: (credential: Credential) => void): void;
  /** Compares by itself: for hashes that only the back end understands, and servers that are asked. PLAIN and LOGIN ask this first. */
  check?(user: string, password: string, answer: (result: PasswordAnswer) => void): void;
}

/** A kind of back end, by the scheme of its uri. */
export interface CredentialScheme {
  /** In lower case, without `://`. */
  readonly scheme: string;
  /** Opens a back end. A sentence instead of it says what is wrong with the uri. */
  open(uri: string): CredentialSource | string;
}

/** A token that a client presents in place of a password. `user` is whom it says it is, '' when it does not say. */
export interface TokenQuestion {
  readonly mechanism: 'XOAUTH2' | 'OAUTHBEARER';
  readonly token: string;
  readonly user: string;
  /** '' on a Unix socket. */
  readonly remoteIp: string;
}

export type TokenAnswer =
  { readonly kind: 'pass'; readonly user: string } | { readonly kind: 'fail' } | { readonly kind: 'trouble'; readonly cause: string };

export type VerifyToken = (question: TokenQuestion, answer: (result: TokenAnswer) => void) => void;

/** What one module brings. The first module that verifies tokens is the one that is asked. */
export interface AuthenticationService {
  readonly schemes?: readonly CredentialScheme[] | undefined;
  readonly verifyToken?: VerifyToken | undefined;
}
