/*
 * The signing half of a loop: the modules that sign, as one signer for the door, with one thread for their private keys.
 *
 * The one rule: signers are made anew with each configuration that changes them, so keys are read again then; what was begun ends with the
 * signer it began with. Whether a recipient's scope signs (opendkim_sign, dkim) is asked of the resolver for each message.
 * Marks of fbl go on in the same step, and stand above the signatures; a set of ARC comes last, over all of it. Not here: who exists (catalog.ts), signatures (dkim). Truth: MOD-03.
 */
import type { Clock } from '#base';
import type { Resolver } from '#config';
import { DkimSigner, KeyCache, keyCacheSettings, SigningThread, Tally, type DkimRun } from '#dkim';
import type { MessageSigner, SigningRun, SigningView } from '#hooks';
import { entryBeside, workerFlags } from '#loops';
import type { PanicLog } from '#observe';
import { ArcSealer } from '#modules/openarc';
import type { SigningSetup } from './catalog.ts';
import { readKey } from './key-files.ts';
import type { LoopQuestions } from './loop-questions.ts';

interface SigningOptions {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly panic: PanicLog;
  /** Fields of ours that go on top beside signatures; undefined while there are none. */
  readonly marker: () => ((view: SigningView) => string) | undefined;
}

interface Member {
  readonly signer: DkimSigner;
  readonly keys: KeyCache;
  readonly switch: 'opendkimSign' | 'dkim';
}

export class Signing implements MessageSigner {
  readonly #o: SigningOptions;
  readonly #thread: SigningThread;
  readonly #tally = new Tally();
  readonly #seals = new Tally();
  #members: readonly Member[] = [];
  #sealer: ArcSealer | undefined;

  constructor(o: SigningOptions) {
    this.#o = o;
    this.#thread = new SigningThread({
      entryBeside,
      workerFlags,
      died: (why) => o.panic.announce('CRITICAL', 'ERROR', `the signing thread died: ${why}; its work goes to a successor`),
    });
  }

  /** True while something signs: otherwise messages pass without a look. */
  get isActive(): boolean {
    return this.#members.length > 0 || this.#sealer !== undefined || this.#o.marker() !== undefined;
  }

  configure({ signers, sealing }: SigningSetup): void {
    const { clock, panic } = this.#o;
    const log = (text: string): void => panic.log('ERROR', 'MOD', text);
    const sealerKeys = () => new KeyCache({ ...keyCacheSettings({}), clock, readFile: readKey });
    const ports = { thread: this.#thread, clock, log };
    this.#sealer = sealing === undefined ? undefined : new ArcSealer(sealing, { ...ports, keys: sealerKeys(), tally: this.#seals });
    this.#members = signers.map(({ settings, cache, isOnBy }) => {
      const keys = new KeyCache({ ...cache, clock, readFile: readKey });
      const signer = new DkimSigner(settings, { ...ports, keys, tally: this.#tally });
      return { signer, keys, switch: isOnBy };
    });
  }

  begin(): SigningRun {
    const runs = this.#members.map((member) => ({ member, run: member.signer.begin() }));
    const seal = this.#sealer?.begin();
    return {
      append: (chunk) => {
        for (const { run } of runs) run.append(chunk);
        seal?.append(chunk);
      },
      finish: (view, done) =>
        this.#finish(runs, view, (fields) => {
          const end = (set: string): void => done(Buffer.from(set + fields, 'latin1'));
          if (seal === undefined) end('');
          else seal.finish(view, fields, end);
        }),
    };
  }

  /** What the console may ask. */
  answerOn(questions: LoopQuestions): void {
    questions.on('signing.figures', () => this.#tally.rows);
    questions.on('signing.seals', () => this.#seals.rows);
    questions.on('signing.reset', () => {
      this.#tally.reset();
      this.#seals.reset();
    });
    questions.on('signing.flush', (module) => this.#flushKeys(String(module)));
  }

  close(): void {
    this.#thread.close();
  }

  /** Answers how many keys of a module's instances were forgotten. */
  #flushKeys(module: string): number {
    const meant = this.#members.filter(({ signer }) => signer.settings.name.replace(/:.*/, '') === module);
    return meant.reduce((sum, { keys }) => sum + keys.flush(), 0);
  }

  #finish(runs: readonly { member: Member; run: DkimRun }[], view: SigningView, done: (fields: string) => void): void {
    const fields: string[] = [];
    const mark = this.#o.marker()?.(view) ?? '';
    let open = runs.length;
    if (open === 0) {
      done(mark);
      return;
    }
    // A mark stands above the signatures, and is signed where a list names its field.
    const top = mark === '' ? view.top : Buffer.concat([Buffer.from(mark, 'latin1'), view.top]);
    const context = { get: (key: string) => view.context.message.get(key) ?? view.context.connection.get(key) };
    for (const [i, { member, run }] of runs.entries()) {
      const isBypassed = view.context.isBypassed(member.signer.settings.name.replace(/:.*/, ''));
      const isOn = !isBypassed && this.#isOn(member, view);
      run.finish({ context, isOn, binding: view.recipients[0]?.binding ?? '', top }, (field) => {
        fields[i] = field;
        open -= 1;
        if (open === 0) done(mark + fields.join(''));
      });
    }
  }

  #isOn(member: Member, { recipients }: SigningView): boolean {
    const { resolver } = this.#o;
    return recipients.some(({ bindingGroup, binding, domain }) => resolver.sending(bindingGroup, binding, domain)[member.switch] !== false);
  }
}
