# shellcheck shell=bash
# build/vm/NAME/initrd.gz: busybox and the drivers without which there is no root, 2 to 3 MB.

# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/packages.sh"

# Modules that mount the root and carry the command's output; all others come from lib/modules.
initrd_modules=(virtio_pci virtio_blk virtio_net virtio_console 9p 9pnet_virtio ext4 crc32c_generic overlay)

# The guest's first program: Debian's static busybox, without touching this machine's own.
fetch_busybox() {
  [[ ! -x $vm_dir/busybox ]] || return 0
  rm -rf "$vm_dir/busybox.d"
  unpack_packages "$vm_dir/busybox.d" busybox-static
  find "$vm_dir/busybox.d" -type f -path '*/bin/busybox' -exec install -m 755 {} "$vm_dir/busybox" ';'
  rm -rf "$vm_dir/busybox.d"
}

# copy_modules TREE RELEASE DIRECTORY: initrd_modules with what they need, and DIRECTORY/order
copy_modules() {
  local module kind path base
  : >"$3/order"
  for module in "${initrd_modules[@]}"; do
    modprobe -S "$2" -d "$1" --show-depends "$module" 2>/dev/null
  done | while read -r kind path _; do
    base=${path##*/}
    base=${base%.xz}
    base=${base%.zst}
    [[ $kind == insmod ]] || continue
    ! grep -qxF "$base" "$3/order" || continue
    case $path in
    *.xz) xz -dc "$path" >"$3/$base" ;;
    *.zst) zstd -dcq "$path" >"$3/$base" ;;
    *) cp -L "$path" "$3/$base" ;;
    esac
    printf '%s\n' "$base" >>"$3/order"
  done
}

build_initrd() {
  local tree=$vm_dir/$1 hash work
  hash=$(recipe_hash "$tree/release" "$tree/kernel.stamp" "$machine_dir/guest/initrd-init" \
    "$machine_dir/lib/initrd.sh" "${initrd_modules[@]}")
  is_current "$tree/initrd.stamp" "$hash" && return
  fetch_busybox
  work=$(mktemp -d "$vm_dir/initrd.XXXXXX")
  mkdir -p "$work"/{bin,dev,modules,proc,root,sys}
  cp "$vm_dir/busybox" "$work/bin/busybox"
  install -m 755 "$machine_dir/guest/initrd-init" "$work/init"
  copy_modules "$tree" "$(<"$tree/release")" "$work/modules"
  (cd "$work" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$tree/initrd.gz.new"
  mv "$tree/initrd.gz.new" "$tree/initrd.gz"
  rm -rf "$work"
  printf '%s\n' "$hash" >"$tree/initrd.stamp"
}
