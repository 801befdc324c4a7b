/**
 * Loaded by --import into a server that is measured: each sync takes 5 ms longer, as on a disk that is slow (goal 10). A sync is an fdatasync or
 * fsync, and a write to a file that was opened with O_DSYNC, as segments of the spool are.
 *
 * The one rule: the sync is made first and is real; only its answer is late. Not here: which calls the spool makes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const DELAY_MS = 5;
const synchronous = new Set();

const { open, write, close } = fs;
fs.open = (path, flags, mode, done) =>
  open(path, flags, mode, (error, fd) => {
    if (!error && typeof flags === 'number' && (flags & fs.constants.O_DSYNC) !== 0) synchronous.add(fd);
    done(error, fd);
  });
fs.close = (fd, ...rest) => {
  synchronous.delete(fd);
  return close(fd, ...rest);
};
fs.write = (fd, ...rest) => {
  const done = rest.pop();
  return write(fd, ...rest, synchronous.has(fd) ? (...answer) => setTimeout(done, DELAY_MS, ...answer) : done);
};
for (const name of ['fdatasync', 'fsync']) {
  const real = fs[name];
  fs[name] = (fd, done) => real(fd, (error) => setTimeout(done, DELAY_MS, error));
}
syncBuiltinESMExports();
