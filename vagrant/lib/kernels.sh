# shellcheck shell=bash
# One directory per kernel, build/vm/NAME:
#   vmlinux     the uncompressed kernel (QEMU would otherwise emulate the decompression: 4 to 6 s)
#   initrd.gz   busybox and the drivers that mount the root
#   release     what uname -r says there
#   kbuild      for make -C
#   lib/modules the kernel's own modules, for modprobe in the guest

# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/packages.sh"

# No guest has the hardware for these, and they are most of the bytes.
unused_modules=(
  sound
  drivers/{bluetooth,comedi,gpu,hid,hwmon,iio,infiniband,isdn,media,mmc,mtd,scsi,staging,usb}
  drivers/net/{ethernet,wireless}
)

# resolve_image PATTERN: the newest image package of that series
resolve_image() {
  prepare_apt
  apt-cache "${apt_options[@]}" show linux-image-amd64 | sed -n 's/^Depends: //p' |
    grep -oE "$1" | sort -V | tail -n 1
}

# header_packages RELEASE: all that a module build needs
header_packages() {
  printf 'linux-headers-%s\n' "$1"
  apt-cache "${apt_options[@]}" show "linux-headers-$1" | sed -n 's/^Depends: //p' | head -n 1 |
    grep -oE 'linux-(headers|kbuild)-[^ ,]+' | grep -E -- '-common$|^linux-kbuild' | sort -u
}

# extract_vmlinux VMLINUZ: follows the x86 boot protocol's header to the compressed kernel in it
extract_vmlinux() {
  local -i sectors offset length
  local magic
  local -a payload
  sectors=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
  offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
  length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
  ((sectors > 0)) || sectors=4
  offset=$((offset + (sectors + 1) * 512))
  magic=$(od -An -tx1 -j "$offset" -N 4 "$1" | tr -d ' ')
  # The last four bytes are the uncompressed size, not part of the stream.
  # shellcheck disable=SC2054 # the commas are dd's
  payload=(dd "if=$1" bs=1M status=none iflag=skip_bytes,count_bytes
    "skip=$offset" "count=$((length - 4))")
  case $magic in
  28b52ffd) "${payload[@]}" | zstd -dcq ;;
  fd377a58) "${payload[@]}" | xz -dc --single-stream ;;
  1f8b*) "${payload[@]}" | gzip -dc ;;
  *) die "$1: compression '$magic' is not known here" ;;
  esac
}

# fix_headers TREE RELEASE: the headers package names its other half by an absolute path
fix_headers() {
  local makefile=$1/usr/src/linux-headers-$2/Makefile
  # shellcheck disable=SC2016 # make expands it
  sed -i 's#^include /usr/src/#include $(dir $(lastword $(MAKEFILE_LIST)))../#' "$makefile"
  ln -sfn "usr/src/linux-headers-$2" "$1/kbuild"
  ln -sfn "../../../usr/src/linux-headers-$2" "$1/lib/modules/$2/build"
  rm -f "$1/lib/modules/$2/source"
  # It is there for type information (BTF) only, which the module does not need and pahole would make.
  rm -f "$1/usr/src/linux-headers-$2/vmlinux"
}

unpack_kernel() {
  local tree=$1 package=$2 release=${2#linux-image-} module_dir
  local -a headers
  mapfile -t headers < <(header_packages "$release")
  unpack_packages "$tree" "$package" "${headers[@]}"
  if [[ ! -d $tree/lib/modules ]]; then
    mkdir -p "$tree/lib"
    mv "$tree/usr/lib/modules" "$tree/lib/modules"
  fi
  module_dir=$tree/lib/modules/$release
  (cd "$module_dir/kernel" && rm -rf "${unused_modules[@]}")
  extract_vmlinux "$tree/boot/vmlinuz-$release" >"$tree/vmlinux"
  rm -rf "${tree:?}/boot" "${tree:?}/usr/share"
  fix_headers "$tree" "$release"
  depmod -b "$tree" "$release"
  printf '%s\n' "$release" >"$tree/release"
}

# build_kernel NAME: complete or not there at all
build_kernel() {
  local name=$1 hash package tree=$vm_dir/$1
  hash=$(recipe_hash "$machine_dir/lib/kernels.sh" "$(kernel_pattern "$name")")
  is_current "$tree/kernel.stamp" "$hash" && return
  prepare_apt
  package=$(resolve_image "$(kernel_pattern "$name")")
  [[ -n $package ]] ||
    die "no package matches '$(kernel_pattern "$name")': run 'vagrant/setup --refresh'"
  say "kernel $name: unpacking $package"
  rm -rf "$tree.new"
  unpack_kernel "$tree.new" "$package"
  printf '%s\n' "$hash" >"$tree.new/kernel.stamp"
  rm -rf "$tree"
  mv "$tree.new" "$tree"
}
