#!/bin/sh
# Bundles src/ to dist/ afresh: what the launchers run and what `npm pack` ships.
set -eu
cd "$(dirname "$0")/.."
stamp=$(mktemp)
rm -rf dist.new
bin/node scripts/build.ts dist.new || { rm -rf dist.new "$stamp"; exit 1; }
mv "$stamp" dist.new/.built   # older than any source edited while the bundler ran
rm -rf dist && mv dist.new dist
