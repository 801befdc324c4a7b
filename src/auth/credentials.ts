/**
 * What a back end is to a mechanism: it knows what is stored for a user.
 *
 * The one rule: "there is no such user" and "I cannot tell at the moment" are two answers: the one is a refusal for good, the other
 * is temporary (AUTH-05). Back ends of datasource modules implement the same.
 */
export type Credential =
  /** What the back end calls the password: clear text, or for DIGEST-MD5 perhaps its hash. */
  | { readonly kind: 'password'; readonly text: string }
  /** md5(user:realm:password) in hex. */
  | { readonly kind: 'ha1'; readonly hex: string; readonly realm: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'trouble'; readonly cause: string };

export interface CredentialSource {
  find(user: string, realm: string, answer: (credential: Credential) => void): void;
}
