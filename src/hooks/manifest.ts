/**
 * What a module says about itself before any of its behaviour is loaded: manifest.ts of each module is such plain data.
 *
 * The one rule: reading a manifest loads nothing else, so that main can check a configuration and list what exists without
 * starting a module. `runs` says in which threads the module's index is loaded.
 * Not here: the behaviour (index.ts of the module), who loads it (main). Truth: ARCHITECTURE.md, "Anatomy of a room".
 */
import type { OptionDeclaration } from '#config';
import type { Phase } from './phases.ts';

/** `loop`: an instance in every event loop; `writer`: in the log writer; `main`: once, on the control thread. */
export type ModuleThread = 'loop' | 'writer' | 'main';

/** How the answers of several threads to one console command become one. */
export type AnswerMerge = 'sum' | 'concatenate' | 'table' | 'first';

export interface ModuleCommand {
  /** The words after the module's scope and instance, e.g. `reopen logs`. */
  readonly words: string;
  readonly about: string;
  readonly runs: ModuleThread;
  readonly merge: AnswerMerge;
}

export interface ModuleManifest {
  /** The scope's name in the configuration, also the folder's. */
  readonly name: string;
  /** Whether only one instance may exist. */
  readonly singleton: boolean;
  readonly about: string;
  readonly runs: ModuleThread;
  /** The module's own options; `enabled` and `debug_level` are common to all modules and not listed. */
  readonly options: readonly OptionDeclaration[];
  /** Phases of a reception in which it speaks; none for loggers and stores. */
  readonly phases: readonly Phase[];
  /** Which contract of this room its index fulfils; `settings`: none, the engine does the work by the options that it reads. */
  readonly provides: 'validation' | 'logger' | 'mailbox-store' | 'settings' | 'log-scheme' | 'bounce-rules' | 'signer' | 'reception-timing';
  readonly commands: readonly ModuleCommand[];
}
