#!/usr/bin/env bash
# Fails if a function of the product or of the benchmarks is reached from no program:
# what only tests call belongs in a test. Libraries of tests are not asked, nor String
# methods, which tests and debuggers print.
set -euo pipefail
cd "$(dirname "$0")/.."
all=$(go tool -modfile=tools/go.mod deadcode -filter '^confab/(bench|cmd|examples)|^confab/internal/[a-z0-9]+$' \
  ./bench/... ./cmd/... ./examples/...)
dead=$(grep -v '\.String$' <<<"$all" || true)
[ -z "$dead" ] || { printf '%s\n' "$dead" "deadcode: delete these, or move them to the tests that call them" >&2; exit 1; }
