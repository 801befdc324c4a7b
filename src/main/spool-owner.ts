/*
 * The spool as the whole process owns it: claimed once before any loop opens its log in it, released when all are closed.
 *
 * The one rule: a folder with anything in it that is no spool of ours is refused and not touched, and so is one that another
 * server holds. Not here: logs and recovery (each loop, spool).
 */
import { systemRandom } from '#base';
import { claimSpool, SpoolError, type SpoolClaim } from '#spool';
import { StartError } from './start-error.ts';

export class SpoolOwner {
  readonly #claim: SpoolClaim;

  private constructor(claim: SpoolClaim) {
    this.#claim = claim;
  }

  /** Throws StartError in words. */
  static async open(dir: string, fileMode: number): Promise<SpoolOwner> {
    try {
      return new SpoolOwner(await claimSpool({ dir, fileMode, random: systemRandom }));
    } catch (error) {
      if (error instanceof SpoolError) throw new StartError(`Cannot use "${dir}" as SpoolBase: ${error.message}`);
      throw error;
    }
  }

  close(): void {
    this.#claim.release();
  }
}
