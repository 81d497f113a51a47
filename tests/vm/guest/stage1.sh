#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# /init of the guest's initramfs (busybox sh): makes a root out of the host's
# files, shared read-only over virtio-9p, with a tmpfs on top for what the guest
# writes, and hands over to stage2.sh; or, for a scenario that wants systemd, takes
# the disk as root and hands over to systemd, with stage2.sh as a unit. If anything
# here fails, init ends, the kernel panics and QEMU stops: the console log names the
# culprit.
set -eu

mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
# shellcheck source=/dev/null
. /vm.conf

if [ -f /modules/order ]; then
  while read -r module; do
    insmod "$module"
  done </modules/order
fi

# The host may change its files while the guest runs, but nobody depends on
# seeing that: cache=loose makes starting programs several times faster.
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro hostroot /host
if [ "$GUEST" = systemd ]; then
  files=/host
  mount -t ext4 /dev/vda /root
else
  files=/root
  mount -t tmpfs tmpfs /overlay
  mkdir /overlay/upper /overlay/work
  mount -t overlay -o lowerdir=/host,upperdir=/overlay/upper,workdir=/overlay/work overlay /root
fi

# Fixed places, wherever the trees are on the host. They are bound before
# stage2.sh hides the host's /run below an empty one.
mkdir -p /root/vm/source /root/vm/build /root/lib/modules
mount --bind "$files$SOURCE_DIR" /root/vm/source
mount --bind "$files$BUILD_DIR" /root/vm/build
mount --bind "$files$MODULES_DIR" /root/lib/modules

mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
if [ "$GUEST" = systemd ]; then
  mount -t tmpfs -o mode=755 tmpfs /root/run
  mkdir -p /root/run/systemd/system
  ln -s /vm/source/tests/vm/guest/vm-scenario@.service /root/run/systemd/system/
  exec switch_root /root /lib/systemd/systemd
fi
exec switch_root /root /bin/bash /vm/source/tests/vm/guest/stage2.sh "$SCENARIO"
