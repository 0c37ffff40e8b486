# shellcheck shell=bash
# build/vm/rootfs.img: Debian's minimal system, packages.txt and this machine's node, as ext4.
# It holds nothing of the project: that reaches the guest over 9p, so a change needs no new image.

# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/packages.sh"

image_size=4G # sparse; what is free is the guest's to write, and never reaches the image

guest_packages() {
  sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$machine_dir/packages.txt"
}

configure_root() {
  local root=$1 node
  node=$(readlink -f "$(command -v node)")
  install -D -m 755 "$node" "$root/usr/local/bin/node"
  # The module's own kernel is found at run time; the trees are mounted from build/vm/NAME.
  mkdir -p "$root/tracker" "$root/share" "$root/out" "$root/lib/modules"
  # shellcheck disable=SC2016 # expanded in the guest
  printf '#!/bin/sh\nexec /tracker/bin/tracker "$@"\n' >"$root/usr/local/bin/tracker"
  chmod 755 "$root/usr/local/bin/tracker"
  printf 'tracker-vm\n' >"$root/etc/hostname"
  printf '127.0.0.1\tlocalhost tracker-vm\n' >"$root/etc/hosts"
  chroot "$root" useradd --create-home --shell /bin/bash --password '*' vagrant
  printf 'vagrant ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/vagrant"
  chmod 440 "$root/etc/sudoers.d/vagrant"
  printf '%s\n' 'UseDNS no' 'UsePAM no' 'PrintMotd no' 'PasswordAuthentication no' \
    >"$root/etc/ssh/sshd_config.d/tracker.conf"
  # Every build has its own host key; it is made at the first start of sshd.
  rm -f "$root"/etc/ssh/ssh_host_*
  env --ignore-environment PATH="$PATH" chroot "$root" /usr/local/bin/node --eval 0 ||
    die "this machine's node ($node) does not start in the guest: use one that needs only libstdc++"
}

bootstrap_root() {
  local include
  include=$(guest_packages | paste -sd,)
  run_logged "$vm_dir/log/mmdebstrap" mmdebstrap --mode=root --variant=minbase \
    --include="$include" --format=directory --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$1" "$2"
  rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*
}

build_image() {
  local image=$vm_dir/rootfs.img root=$vm_dir/rootfs hash
  hash=$(recipe_hash "$machine_dir/lib/image.sh" "$machine_dir/packages.txt" "$(node --version)")
  is_current "$vm_dir/rootfs.stamp" "$hash" && [[ -f $image ]] && return
  say 'guest image: bootstrapping Debian (some minutes)'
  prepare_apt
  write_sources >"$vm_dir/rootfs.list"
  rm -rf "$root" "$image.new"
  bootstrap_root "$root" "$vm_dir/rootfs.list"
  configure_root "$root"
  run_logged "$vm_dir/log/mke2fs" mke2fs -q -t ext4 -O '^has_journal,^metadata_csum' \
    -E root_owner=0:0 -m 0 -d "$root" "$image.new" "$image_size"
  mv "$image.new" "$image"
  rm -rf "$root"
  printf '%s\n' "$hash" >"$vm_dir/rootfs.stamp"
}
