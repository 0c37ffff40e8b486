# shellcheck shell=bash
# Debian packages: installed on this machine, or fetched into build/ through a private apt state
# that also knows backports, so that this machine's own apt sources stay as they are.

# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/common.sh"

apt_dir=$vm_dir/apt
# shellcheck disable=SC2034 # the lists are used by the scripts that source this
{
  host_packages=(
    build-essential gcc-12 libelf-dev libssl-dev # module and addon
    python3 rsync                                # node-gyp; kmod/build
    qemu-system-x86 mmdebstrap e2fsprogs         # machine and its image
    kmod cpio gzip xz-utils zstd                 # initial ram disk
    openssh-client                               # key of the ssh guest
    redis-server                                 # dumped and restored by the native tests
  )
  lint_packages=(clang-format shellcheck sparse)
  vagrant_packages=(vagrant qemu-utils rsync)
  debug_kernel_packages=(bc bison flex lz4)
}

# missing_packages PACKAGE...: those that are not installed
missing_packages() {
  local -A installed=()
  local package
  while read -r package; do
    installed[$package]=yes
  done < <({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } |
    sed -n 's/^installed //p')
  for package in "$@"; do
    [[ -n ${installed[$package]-} ]] || printf '%s\n' "$package"
  done
}

# install_packages PACKAGE...: only what is missing, and then with fresh package lists
install_packages() {
  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  say "installing ${missing[*]}"
  run_logged "$vm_dir/log/apt-update" apt-get -q update
  DEBIAN_FRONTEND=noninteractive run_logged "$vm_dir/log/apt-install" \
    apt-get -q -y --no-install-recommends install "${missing[@]}"
}

apt_options=(
  -o Dir::Etc::SourceList="$apt_dir/sources.list"
  -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$apt_dir/lists"
  -o Dir::Cache="$apt_dir/cache"
  -o APT::Sandbox::User=root
  -o Debug::NoLocking=1
)

# repository_uri CODENAME: where this machine gets that part of Debian from
repository_uri() {
  # shellcheck disable=SC2016 # apt expands it
  apt-get indextargets --format '$(REPO_URI)' "Codename: $1" 'Created-By: Packages' | sort -u | head -n 1
}

# write_sources [SUITE...]: this machine's own mirrors of Debian 12, and of the extra suites
write_sources() {
  local main security suite keyring=/usr/share/keyrings/debian-archive-keyring.gpg option=
  [[ ! -f $keyring ]] || option="[signed-by=$keyring] "
  main=$(repository_uri bookworm)
  security=$(repository_uri bookworm-security)
  [[ -n $main ]] || die "apt knows no source for Debian 12 (bookworm): add one, run 'apt-get update'"
  for suite in bookworm "$@"; do
    printf 'deb %s%s %s main\n' "$option" "$main" "$suite"
  done
  [[ -z $security ]] || printf 'deb %s%s bookworm-security main\n' "$option" "$security"
}

# Lists that are older than a day may name packages that the mirror no longer has.
prepare_apt() {
  [[ -z $(find "$apt_dir/ready" -mtime -1 2>/dev/null) ]] || return 0
  mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial"
  [[ -n $(repository_uri bookworm) ]] || run_logged "$vm_dir/log/apt-update" apt-get -q update
  write_sources bookworm-updates bookworm-backports >"$apt_dir/sources.list"
  say 'fetching package lists, with backports'
  run_logged "$vm_dir/log/apt-update-private" apt-get "${apt_options[@]}" -q update
  touch "$apt_dir/ready"
}

# unpack_packages DIRECTORY PACKAGE...: downloads them and unpacks them there, installing nothing;
# DIRECTORY/packages records their versions
unpack_packages() {
  local directory=$1 file
  shift
  prepare_apt
  mkdir -p "$directory" "$apt_dir/debs"
  for file in "$@"; do
    rm -f "$apt_dir/debs/${file}"_*.deb
    (cd "$apt_dir/debs" && run_logged "$vm_dir/log/download" apt-get "${apt_options[@]}" -q download "$file")
    dpkg-deb -x "$apt_dir/debs/${file}"_*.deb "$directory"
    dpkg-deb -W "$apt_dir/debs/${file}"_*.deb >>"$directory/packages"
    rm -f "$apt_dir/debs/${file}"_*.deb
  done
}
