/*
 * vault: the repository of configurations behind eccfg: revisions of the files, kept with git.
 *
 * The one rule: nothing gets in that a node could not load, unless somebody insists, and then it is written down. Nothing is ever lost: what is
 * refused leaves files and repository as they were.
 * It knows files, not running servers: reloading after a pull is the command's. Truth: ECC-01 to ECC-07.
 */
export { bootstrap, REPOSITORY_FOLDER, type Bootstrap } from './bootstrap.ts';
export { commit, type Committed, type CommitRequest } from './commit.ts';
export { commitSaved } from './commit-saved.ts';
export { VaultError, type VaultErrorCode } from './errors.ts';
export type { GitSetup } from './git.ts';
export { revisions, type Revision } from './log.ts';
export { pull, type Preference, type Pulled } from './pull.ts';
export { copyFolders, putFile, type RepositoryEdit } from './repository-edit.ts';
export { RUNNING_FOLDER } from './validate-tree.ts';
export { WorkingCopy, type LocalChange } from './working-copy.ts';
