#!/usr/bin/env bash
# Installs the Debian packages that the tests need and that are not there yet.
set -euo pipefail

# A command, and the package that brings it.
wanted=(
  "gcc gcc"
  "git git"
  "node nodejs"
  "npm npm"
  "chromium chromium"
  "aws awscli"
  "ip iproute2"
  "nft nftables"
)
missing=()
for line in "${wanted[@]}"; do
  read -r command package <<<"$line"
  command -v "$command" >/dev/null || missing+=("$package")
done
has_boto3() { local p; for p in /usr/bin/python3 python3; do "$p" -c 'import boto3' 2>/dev/null && return; done; return 1; }
has_boto3 || missing+=(python3-boto3)
# Debian keeps the server's programs out of the path.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
command -v psql >/dev/null || missing+=(postgresql-client)

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  [ "$(id -u)" = 0 ] || { echo "setup: installing Debian packages needs root; run it as root, or install them yourself: apt-get install ${missing[*]}" >&2; exit 1; }
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
