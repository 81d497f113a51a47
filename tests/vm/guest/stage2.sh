#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Process 1 of a guest on the host's files, a service of one in which systemd runs:
# finishes the system, runs one scenario and powers off, whatever the scenario does.
# Its output is the console (ttyS0); results go to their own serial port (lib.sh).
set -uo pipefail

scenario=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 TERM=dumb

if (($$ == 1)); then
  mount -t tmpfs -o mode=755 tmpfs /run
  mount -t securityfs securityfs /sys/kernel/security
  mkdir -p /dev/shm
  mount -t tmpfs tmpfs /dev/shm
  ln -sfn /proc/self/fd /dev/fd
fi

stty -F /dev/ttyS1 raw -echo # results as they are

echo "vm: scenario $scenario starts on Linux $(uname -r), $(cut -d ' ' -f 1 /proc/uptime) s after the kernel"
bash "/vm/source/tests/vm/scenarios/$scenario.sh" </dev/null
status=$?
echo "vm: scenario $scenario ended with $status, $(cut -d ' ' -f 1 /proc/uptime) s after the kernel"
echo "END $status" >/dev/ttyS1

sync
echo o >/proc/sysrq-trigger
until false; do :; done # it must not end before the power does
