# shellcheck shell=bash
# QEMU's command line, built up in the array `arguments`.

# shellcheck source-path=SCRIPTDIR
source "${BASH_SOURCE[0]%/*}/common.sh"

# shellcheck disable=SC2034 # used by the scripts that source this
qemu="qemu-system-x86_64"
arguments=()

# A /dev/kvm alone proves nothing: where the processor lacks the feature, a guest hangs.
kvm_works() { grep -qwE 'vmx|svm' /proc/cpuinfo && { : <>/dev/kvm; } 2>/dev/null; }

# qemu_add_machine CPU-MODEL CPUS MEMORY-MIB
qemu_add_machine() {
  local accelerator=tcg model=Nehalem # `max` offers more and emulates slower
  if kvm_works; then accelerator=kvm model=host; fi
  arguments+=(-machine q35 -accel "$accelerator" -cpu "${1:-$model}" -smp "$2" -m "$3"
    -nodefaults -no-user-config -display none -no-reboot)
}

# qemu_add_kernel TREE SCRIPT WORDS CONSOLE: SCRIPT of vagrant/guest is the guest's init
qemu_add_kernel() {
  local words=(console=ttyS0 panic=-1 oops=panic nokaslr mitigations=off)
  words+=(loglevel=5) # shows warnings
  words+=(tsc=reliable no_timer_check)
  # Wide, because an emulated processor can lose the real one for many seconds.
  words+=(rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60)
  arguments+=(-kernel "$1/vmlinux" -initrd "$1/initrd.gz"
    -append "${words[*]} tracker.script=$2 $3"
    -chardev "file,id=console,path=$4,append=on" -serial chardev:console)
}

# qemu_add_share TAG DIRECTORY OPTIONS: a folder over virtio-9p; nothing is copied
qemu_add_share() {
  arguments+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap$3"
    -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# qemu_add_port NUMBER NAME FILE: the virtio port NAME in the guest
qemu_add_port() {
  arguments+=(-chardev "file,id=$2,path=$3,append=on"
    -device "virtserialport,nr=$1,chardev=$2,name=$2")
}
