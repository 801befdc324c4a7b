/*
 * What users of the console did: who came, and what each was allowed to run. For the acctlog.
 *
 * The one rule: rare and never dropped silently; it goes from main to the writer as it is, without batches. Secrets are never in it.
 * Truth: AUTH-09, AUTH-43, LOG 15.3.
 */
export interface AccountingRecord {
  /** Epoch milliseconds. */
  readonly at: number;
  /** N authentication, Z authorization of a command, T nobody said who he is in time. */
  readonly event: 'N' | 'Z' | 'T';
  /** The address that was listened on, and the client's; '' for a Unix socket's client. */
  readonly listener: string;
  readonly peer: string;
  readonly user: string;
  /** 1 yes, 0 no, -1 could not be told. */
  readonly result: 1 | 0 | -1;
  readonly command?: string;
  /** It was done and cannot be undone: who did it is written down somewhere in any case. */
  readonly isDeed?: true;
  /** The role that allowed it. */
  readonly role?: string;
}
