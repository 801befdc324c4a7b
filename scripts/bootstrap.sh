#!/bin/sh
# Makes a fresh clone runnable: packages (and a Node.js, when the system's is too old) from npm, then dist/.
# Does nothing when nothing changed. No install script of any package is run.
set -eu
cd "$(dirname "$0")/.."
want=$(sha256sum package-lock.json | cut -c1-64)
if [ "$(cat node_modules/.bootstrap 2>/dev/null || true)" != "$want" ] || ! bin/node --which >/dev/null 2>&1; then
  command -v npm >/dev/null 2>&1 || { echo 'impetus: npm is needed to fetch packages (Debian: apt-get install npm)' >&2; exit 69; }
  echo "impetus: fetching packages (first time only)" >&2
  # Also where NODE_ENV or a setting of npm leaves out development or optional packages: the compiler and the runtime are among them.
  npm ci --include=dev --include=optional --ignore-scripts --no-audit --no-fund --loglevel=error ||
    { echo 'impetus: the packages could not be fetched; npm says why above' >&2; exit 69; }
  bin/node -e '' || { echo 'impetus: no Node.js that runs here; install 24.20 or newer, or set EC_NODE' >&2; exit 69; }
  echo "$want" > node_modules/.bootstrap
fi
if [ ! -f dist/.built ] || [ -n "$(find src package.json scripts/build.ts scripts/build.sh -newer dist/.built -not -name '*.test.ts' 2>/dev/null | head -n 1)" ]; then
  sh scripts/build.sh
fi
