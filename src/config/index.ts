/**
 * config: meaning. The declarations of every option, the tree of files, the checked snapshot, and what is in force where.
 *
 * The rule to know: text becomes a frozen, numbered snapshot or a list of problems, never half of it; threads exchange changes between
 * snapshots and ask a Resolver, whose records are read one property at a time.
 * It has no effect on anything: what an option does is in the room that reads it. The language itself is the syntax room's.
 */
export type { Effect, ModuleDeclaration, OptionDeclaration, ScopeDeclaration, ScopeName, Status, ValueType } from './declaration.ts';
export { declaredOptions, moduleDeclarations, scopeDeclarations } from './declared/index.ts';
export { formatConfigProblem, formatPlace, type ConfigNotice, type ConfigProblem, type ConfigProblemCode } from './errors.ts';
export type { Use } from './check/check.ts';
export { isMissingGuard } from './check/guards.ts';
export type { FileContent, FileFault, FileSource, FileStat } from './files/file-source.ts';
export { memoryFiles, type MemoryFile } from './files/memory-files.ts';
export { systemFiles } from './files/system-files.ts';
export { DEFAULT_SEARCH_PATH, MAIN_FILE_NAME, nodeName, searchPath, type SearchPathOptions } from './files/search-path.ts';
export { whereToWrite, type WriteTarget, type WriteTargets } from './files/where-to-write.ts';
export { readConfiguration, type ReadConfiguration, type ReadOptions } from './read-configuration.ts';
export { describePath, formatPath, scopeKey, type ScopePath, type ScopeStep } from './scopes/scope-path.ts';
export { applyChanges, changesBetween, type ScopeChange, type SnapshotChanges } from './snapshot/changes.ts';
export { childrenNamed, type Origin, type OwnOption, type ScopeNode, type Snapshot } from './snapshot/scope-node.ts';
export { moduleInstances, type ModuleInstance } from './snapshot/modules.ts';
export { formatValue, quoteWord, type Bounds, type OptionValue, type Rate, type Written } from './values.ts';
export { expectedForm } from './value-types.ts';
export type { CompiledRegex, CompileRegex } from './resolver/patterns.ts';
export { nearestOptionAt, parseQuestion, type Question } from './resolver/question.ts';
export { contentOf, withOptions } from './resolver/sending-view.ts';
export { Resolver, type Definition, type ResolverPorts } from './resolver/resolver.ts';
export { ConfigDesk, type Activation, type Cause, type DeskOptions } from './transaction/desk.ts';
export { fileStore, type FileOperations, type FileStore } from './transaction/file-store.ts';
export { frozenFiles } from './transaction/images.ts';
export type { ReadSetup, Reply } from './transaction/draft.ts';
export type { ConfigSession } from './transaction/session.ts';
export type { Asked, Explanation } from './resolver/explain.ts';
export type {
  DebugFlagsRecord,
  EventLoopRecord,
  GlobalRecord,
  HostRecord,
  ListeningRecord,
  SecurityRecord,
  SendingRecord,
} from './resolver/records.ts';
