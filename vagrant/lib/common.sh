# shellcheck shell=bash
# Sourced by the scripts of vagrant/: where things lie, how a script gives up, when a product is stale.

project=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that source this
vm_dir=$project/build/vm
machine_dir=$project/vagrant
export LC_ALL=C.UTF-8

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die MESSAGE [EXIT-STATUS]
die() {
  say "$1"
  exit "${2:-1}"
}

kernel_names() { sed -n 's/^\([^#[:space:]]*\)[[:space:]].*/\1/p' "$machine_dir/kernels.txt"; }

# kernel_pattern NAME: the regular expression of its image package
kernel_pattern() { sed -n "s/^${1//./\\.}[[:space:]]\+//p" "$machine_dir/kernels.txt"; }

# recipe_hash WORD-OR-FILE...: one hash over words and the contents of files
recipe_hash() {
  local item
  for item in "$@"; do
    if [[ -f $item ]]; then cat "$item"; else printf '%s\0' "$item"; fi
  done | sha256sum | cut -d' ' -f1
}

# is_current STAMP HASH: whether what STAMP stands for was made by the recipe HASH
is_current() { [[ -f $1 && $(<"$1") == "$2" ]]; }

# run_logged LOG COMMAND...: silent when it works, its last lines when it does not
run_logged() {
  local log=$1
  shift
  mkdir -p "${log%/*}"
  "$@" >"$log" 2>&1 && return
  tail -n 15 "$log" >&2
  die "'$1' failed, see $log"
}
