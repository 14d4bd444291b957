# Sourced by the scripts of this folder: strict mode, the root of the repository, and the functions that they share.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# step COMMAND...: prints a command, and runs it.
step() { printf '\n== %s\n' "$*"; "$@"; }

# need NAME...: installs the programs among c++, curl, haproxy, node and pip that are missing, with apt-get. On a
# terminal it asks first.
need() {
  local name missing="" sudo="" answer
  for name in "$@"; do
    case $name in
      c++) command -v c++ >/dev/null || missing+=" g++" ;;
      curl) command -v curl >/dev/null || missing+=" curl" ;;
      # Debian installs it outside of the PATH of ordinary users.
      haproxy) PATH=$PATH:/usr/sbin command -v haproxy >/dev/null || missing+=" haproxy" ;;
      node) { command -v node && command -v npm; } >/dev/null || missing+=" nodejs npm" ;;
      pip) python3 -m pip --version >/dev/null 2>&1 || missing+=" python3 python3-pip" ;;
      *) printf 'need: unknown program: %s\n' "$name" >&2; exit 2 ;;
    esac
  done
  if [ -z "$missing" ]; then return; fi
  if ! command -v apt-get >/dev/null; then
    printf 'These Debian packages, or their counterparts on this system, are required:%s\n' "$missing" >&2
    exit 1
  fi
  if [ -t 0 ]; then
    read -rp "Required and missing:$missing. Install with apt-get? [y/N] " answer || answer=n
    case $answer in
      [yY] | [yY][eE][sS]) ;;
      *) printf 'Nothing was installed. Run: apt-get install%s\n' "$missing" >&2; exit 1 ;;
    esac
  fi
  if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
  step $sudo apt-get update -qq
  # shellcheck disable=SC2086 # one word for each package
  step $sudo apt-get install -y -qq $missing
}

# cargo_tool NAME VERSION: puts this version of a cargo subcommand on the PATH. It is built once, into the target
# directory.
cargo_tool() {
  local root=${CARGO_TARGET_DIR:-$PWD/target}/tools
  export PATH="$root/bin:$PATH"
  if [ "$(cargo "${1#cargo-}" --version 2>/dev/null)" != "$1 $2" ]; then
    step cargo install "$1" --version "$2" --locked --quiet --root "$root"
  fi
}
