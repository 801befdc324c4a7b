/*
 * What the configuration repository refuses, as one type.
 *
 * The one rule: the text is for a person, in whole sentences: what was attempted, on what, and what would be right.
 */
export type VaultErrorCode =
  'no-git' | 'git-failed' | 'no-working-copy' | 'in-the-way' | 'out-of-date' | 'conflict' | 'invalid' | 'busy' | 'argument';

export class VaultError extends Error {
  readonly code: VaultErrorCode;

  constructor(code: VaultErrorCode, message: string) {
    super(message);
    this.name = 'VaultError';
    this.code = code;
  }
}
