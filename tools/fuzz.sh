#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given (5s), one after
# another: go test fuzzes one target at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5s}
count=0
while read -r file; do
  package=./$(dirname "$file")
  for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file"); do
    echo "fuzz $package $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$package"
    count=$((count + 1))
  done
done < <(git ls-files '*_test.go')
[ "$count" -gt 0 ] || { echo "fuzz: there is no fuzz target; expected several" >&2; exit 1; }
echo "fuzz: $count targets, none failed"
