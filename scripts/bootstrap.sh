#!/bin/sh
# Makes a fresh clone runnable: packages (and a Node.js, when the system's is too old) from npm, then dist/.
# Does nothing when nothing changed. No install script of any package is run.
set -eu
cd "$(dirname "$0")/.."
want=$(sha256sum package-lock.json | cut -c1-64)
if [ "$(cat node_modules/.bootstrap 2>/dev/null || true)" != "$want" ] || ! bin/node --which >/dev/null 2>&1; then
  echo "impetus: fetching packages (first time only)" >&2
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  bin/node --which >/dev/null
  echo "$want" > node_modules/.bootstrap
fi
if [ ! -f dist/.built ] || [ -n "$(find src package.json tsconfig.build.json tsconfig.json -newer dist/.built -not -name '*.test.ts' 2>/dev/null | head -n 1)" ]; then
  sh scripts/build.sh
fi
