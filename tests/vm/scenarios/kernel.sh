#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the kernel knows of DOE mailboxes, and doed beside it. A second endpoint below
# the switch makes the kernel enumerate the switch: it gets a CXL port and, on newer
# kernels, a CDAT file. Features come from doe_features where the kernel has them (Linux
# 6.15), and are compared with what doed discovers when it is told to claim all.
# vm-qemu: -object memory-backend-ram,id=cxl-mem2,share=on,size=256M
# vm-qemu: -object memory-backend-ram,id=cxl-lsa2,share=on,size=256K
# vm-qemu: -device cxl-type3,bus=swport0,memdev=cxl-mem2,lsa=cxl-lsa2,id=cxl-pmem1
# vm-timeout: 300
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0 FAR_ENDPOINT=0000:10:00.0
readonly DEVICES=("$ENDPOINT" "$SWITCH" "$FAR_ENDPOINT")
readonly BOTH='0001:00 1e98:02'

declare -A path
for device in "${DEVICES[@]}"; do
  doe=$(doe_offset "$device") || abort "$device has a DOE mailbox" "none found"
  path[$device]=$(mailbox_path "$device" "$doe")
done

load_cxl
for device in "$ENDPOINT" "$FAR_ENDPOINT"; do
  wait_for 30 kernel_cdat "$device" || abort "the kernel reads the CDAT of $device" "no CDAT file"
done
check "the switch has a CXL port" wait_for 10 cxl_port "$SWITCH"

# The kernel's files as they are now, and its features as VENDOR:TYPE in one line.
kernel_features() {
  local folder=/sys/bus/pci/devices/$1/doe_features
  [[ -d $folder ]] && cat "$folder"/* | sort | xargs
}
for device in "${DEVICES[@]}"; do
  ! file=$(kernel_cdat "$device") || cat "$file" >"$TMP/$device.cdat"
done

kernel_remember
bus_start

# ---- auto: the kernel has users of all three ---------------------------------

doed_start
for device in "${DEVICES[@]}"; do
  mailbox=${path[$device]}
  check "auto: the Owner of $device is kernel" wait_for 30 property_is "$mailbox" Mailbox Owner kernel
  if [[ -e $TMP/$device.cdat ]]; then
    check_equal "its table is the kernel's" "$(file_bytes "$TMP/$device.cdat")" \
      "$(call_bytes "$mailbox" Cdat GetTable "${NO_OPTIONS[@]}")"
    check_equal "its Source is kernel" kernel "$(property "$mailbox" Cdat Source)"
  else
    check "this kernel reads no table of it, and none is served" \
      test -n "$(call_error "$mailbox" Cdat GetTable "${NO_OPTIONS[@]}")"
  fi
  if known=$(kernel_features "$device"); then
    check_equal "its Features are those of doe_features" "$known" "$(features "$mailbox")"
  elif [[ -e $TMP/$device.cdat ]]; then
    check_equal "this kernel has no doe_features: its Features are what the CDAT file proves" "$BOTH" "$(features "$mailbox")"
  else
    check_equal "this kernel has no doe_features: its Features are unknown" '' "$(features "$mailbox")"
  fi
done

# ---- the kernel's users leave and return -------------------------------------
# With the last endpoint below it, the switch loses its CXL port.

bind_driver "$FAR_ENDPOINT" none
for device in "$FAR_ENDPOINT" "$SWITCH"; do
  check "without cxl_pci below the switch, doed drives $device within 3 s" \
    within $LIMIT_MS property_is "${path[$device]}" Mailbox Owner daemon
  check "and serves it" within $LIMIT_MS served "${path[$device]}"
  check_equal "its table comes from the mailbox" mailbox \
    "$(call "${path[$device]}" Cdat GetTable "${REFRESH[@]}" >/dev/null; property "${path[$device]}" Cdat Source)"
done
bind_driver "$FAR_ENDPOINT" cxl_pci
for device in "$FAR_ENDPOINT" "$SWITCH"; do
  wait_for 10 cxl_port "$device"
  check "with cxl_pci again, the kernel has $device within 3 s" \
    within $LIMIT_MS property_is "${path[$device]}" Mailbox Owner kernel
done
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

# ---- claim: discovery finds what the kernel found ----------------------------

separator=''
{
  printf '{"devices": {'
  for device in "${DEVICES[@]}"; do
    printf '%s"%s": {"owner": "claim"}' "$separator" "$device"
    separator=', '
  done
  printf '}}\n'
} >"$TMP/claim.json"
doed_start --config "$TMP/claim.json"
for device in "${DEVICES[@]}"; do
  mailbox=${path[$device]}
  check "claim: the Owner of $device is daemon" wait_for 30 property_is "$mailbox" Mailbox Owner daemon
  check "its mailbox becomes idle" wait_for 30 served "$mailbox"
  known=$(kernel_features "$device") || known=$BOTH
  check_equal "discovery finds what is known" "$known" "$(features "$mailbox")"
  table=$(call_bytes "$mailbox" Cdat GetTable "${REFRESH[@]}")
  if [[ -e $TMP/$device.cdat ]]; then
    check_equal "a forced GetTable equals the kernel's file" "$(file_bytes "$TMP/$device.cdat")" "$table"
  else
    check_equal "its table has 64 bytes" 64 "$(wc -w <<<"$table")"
  fi
done
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_kernel
doed_log
