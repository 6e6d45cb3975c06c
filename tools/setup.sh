#!/usr/bin/env bash
# Installs what the tests need and what is not there yet: Debian packages, and
# moto, which Debian does not have.
set -euo pipefail
cd "$(dirname "$0")"

# A command, and the package that brings it.
wanted=(
  "gcc gcc"
  "git git"
  "node nodejs"
  "npm npm"
  "chromium chromium"
  "aws awscli"
  "haproxy haproxy"
  "nginx nginx"
  "caddy caddy"
  "pgbouncer pgbouncer"
  "systemd-analyze systemd"
  "ip iproute2"
  "nft nftables"
  "sqlite3 sqlite3"
  "zsh zsh"
  "fish fish"
  "promtool prometheus"
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
# The completion of bash needs its functions.
[ -e /usr/share/bash-completion/bash_completion ] || missing+=(bash-completion)
command -v psql >/dev/null || missing+=(postgresql-client)

# moto_server has S3, CloudWatch Logs and Firehose for the tests of chat logging.
# A moto that is installed is used; otherwise this version goes into tools/.venv,
# where the tests look as well.
moto='moto[server,s3,logs,firehose]==5.2.1'
has_moto() { moto_server --help >/dev/null 2>&1 || .venv/bin/moto_server --help >/dev/null 2>&1; }
has_moto || python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  [ "$(id -u)" = 0 ] || { echo "setup: installing Debian packages needs root; run it as root, or install them yourself: apt-get install ${missing[*]}" >&2; exit 1; }
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

has_moto || {
  echo "setup: installing $moto into tools/.venv"
  python3 -m venv .venv && .venv/bin/python -m pip install --quiet "$moto" && has_moto || {
    echo "setup: moto_server is missing and could not be installed with pip; install it yourself, so that moto_server is in the PATH: pip install '$moto'" >&2
    exit 1
  }
}
