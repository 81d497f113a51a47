# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What scenarios that count accesses add to lib.sh: a witness below every way to config space, the kernel's probes on the
# functions that at last put an access on the bus. They know nothing of files, VFIO and whoever asked: sysfs, VFIO and the
# kernel's own drivers all end there.

readonly TRACING=/sys/kernel/tracing
# Extended config space, and the first 256 bytes. All take domain, bus, device and function, register, size, value.
readonly CONFIG_ACCESSES=(pci_mmcfg_read pci_mmcfg_write pci_conf1_read pci_conf1_write)

# config_probes_set BDF: on the accesses to this function. To set a probe off the kernel rewrites itself, with all processors
# waiting: once is enough, and what is counted is said by config_probes_start and config_probes_stop.
config_probes_set() {
  local probed name domain bus device function
  IFS=:. read -r domain bus device function <<<"$1"
  probed="domain == $((16#$domain)) && bus == $((16#$bus)) && devfn == $((16#$device << 3 | function))"
  mountpoint -q $TRACING || mount -t tracefs tracefs $TRACING || return
  echo 0 >$TRACING/tracing_on
  for name in "${CONFIG_ACCESSES[@]}"; do
    # shellcheck disable=SC2016 # the kernel's arguments
    echo "p:doed/$name $name"' domain=$arg1:u32 bus=$arg2:u32 devfn=$arg3:u32 register=$arg4:x32 size=$arg5:u32' \
      >>$TRACING/kprobe_events || return
    echo "$probed" >"$TRACING/events/doed/$name/filter" || return
  done
  echo 1 >$TRACING/events/doed/enable
}

config_probes_start() {
  : >$TRACING/trace
  echo 1 >$TRACING/tracing_on
}

# config_probes_stop: leaves what was seen in $TMP/accesses, a line each: FUNCTION REGISTER SIZE
config_probes_stop() {
  echo 0 >$TRACING/tracing_on
  sed -nE 's/^.*: (pci_[a-z0-9_]+): .* register=0x([0-9a-f]+) size=([0-9]+)$/\1 \2 \3/p' $TRACING/trace >"$TMP/accesses"
}

# probed_accesses: how many there were between start and stop; "unknown" when the kernel lost one
probed_accesses() {
  local lost
  lost=$(($(awk '{ missed += $3 } END { print missed + 0 }' $TRACING/kprobe_profile) +
    $(cat $TRACING/per_cpu/cpu*/stats | awk '/overrun|dropped/ { lost += $NF } END { print lost + 0 }')))
  ((lost == 0)) && wc -l <"$TMP/accesses" || echo unknown
}

# probed_elsewhere OFFSET: those that were no access of a dword to a register of the mailbox behind the DOE capability at
# that offset, from its Control to its Read Data Mailbox register; one line, sorted, with their number.
probed_elsewhere() {
  local register registers=''
  for register in 8 c 10 14; do
    registers+=$(printf '%x|' $((16#$1 + 16#$register)))
  done
  grep -vE " (${registers%|}) 4$" "$TMP/accesses" | sort | uniq -c | xargs
}
