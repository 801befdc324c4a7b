/*
 * placeholder while outbound is being built: holds mail.
 *
 */
export class Outgoing {
  constructor(_o: object) {}
  async stop(_graceMs: number): Promise<void> {}
  reconfigured(): void {}
}
