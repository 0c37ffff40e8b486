# shellcheck shell=bash
# Sourced by the guest's scripts: what an ordinary system's init does, as far as the tests need it.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 TERM=dumb

# The disk goes before the power: no program can be started then, and if this one ended, the kernel
# would panic. It waits in the kernel for a writer that never comes.
power_off() {
  [[ -e /run/never ]] || mkfifo /run/never
  sync
  echo o >/proc/sysrq-trigger
  read -r </run/never
}

# share_exists TAG: whether QEMU offers that 9p share
share_exists() { cat /sys/bus/virtio/drivers/9pnet_virtio/*/mount_tag | tr '\0' '\n' | grep -qxF "$1"; }

# mount_share TAG DIRECTORY OPTIONS
mount_share() { mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"; }

mount_system() {
  local modules
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir -p /run/lock /run/sshd /run/postgresql /dev/pts /dev/shm
  chown postgres: /run/postgresql
  mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount -t debugfs debugfs /sys/kernel/debug
  mount -t tracefs tracefs /sys/kernel/tracing
  # udev would make these.
  ln -sfn /proc/self/fd /dev/fd
  ln -sfn fd/0 /dev/stdin
  ln -sfn fd/1 /dev/stdout
  ln -sfn fd/2 /dev/stderr
  for modules in /tracker/build/vm/*/lib/modules/"$(uname -r)"; do
    mount --bind "${modules%/*}" /lib/modules
  done
}

configure_system() {
  ip link set lo up
  hostname -F /etc/hostname
  # A crashing test leaves its core where there is space, not in the read-only project.
  echo '/tmp/core.%e.%p' >/proc/sys/kernel/core_pattern
  ulimit -c unlimited
  # Under emulation a scan of all memory every ten minutes takes most of the time there is: it is for
  # those who ask.
  if [ -e /sys/kernel/debug/kmemleak ]; then echo scan=off >/sys/kernel/debug/kmemleak; fi
}

# insert_module: the project's module, built for this kernel
insert_module() {
  local module
  module=/tracker/build/kmod/$(uname -r)/tracker.ko
  insmod "$module"
}
