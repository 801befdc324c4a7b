// system: the one door to the operating system beyond Node. PCRE with limits, patterns in linear time, file locks, socket details, users, capabilities.
//
// The rule to know: everything here degrades. Where a native facility is missing the function says so in its answer, and the
// server runs on with less; nothing outside this room loads native code. Signals, processes and ordinary files are Node's, not ours.

export { configureSystem, systemAvailable } from './ffi.ts';
export type { SystemAvailability } from './ffi.ts';
export { compilePcre, pcreLimits } from './pcre.ts';
export type { PcreFlags } from './pcre.ts';
export type { PcreRegex, PcreResult } from './regex.ts';
export { compileLinear, compileRegex, linearLimits } from './linear-regex.ts';
export { exchangePaths } from './exchange-paths.ts';
export { lockFile } from './file-lock.ts';
export type { FileLock, HeldLock } from './file-lock.ts';
export { openDatagramSocket } from './datagram.ts';
export type { DatagramSocket } from './datagram.ts';
export { fdOf, peerCredentials, setSocketBuffers, socketBuffers } from './sockets.ts';
export type { PeerCredentials } from './sockets.ts';
export { currentCapabilities, parseCapabilities } from './capabilities.ts';
export type { CapabilitySets } from './capabilities.ts';
export { currentUser, dropPrivileges } from './privileges.ts';
export type { CurrentUser, PrivilegePlan, PrivilegeResult } from './privileges.ts';
export { fileLimit, raiseFileLimit } from './file-limit.ts';
export type { FileLimit } from './file-limit.ts';
export { shortenSlices } from './thread-slices.ts';
export { SystemError, systemErrorCodes } from './errors.ts';
export type { SystemErrorCode } from './errors.ts';
