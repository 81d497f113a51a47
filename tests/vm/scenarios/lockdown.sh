#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A kernel that forbids writing config space through sysfs (as with Secure Boot): what
# the kernel knows is served, what needs writing is refused with the reason, and VFIO,
# which lockdown does not touch, works.
# vm-append: lockdown=integrity
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0

load_cxl
wait_for 30 kernel_cdat "$ENDPOINT" || abort "the kernel reads the endpoint's CDAT" "no CDAT file"
reference=$TMP/reference.cdat
cat "$(kernel_cdat "$ENDPOINT")" >"$reference"
reference_bytes=$(file_bytes "$reference")

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")

check "the kernel is in lockdown" grep -qF '[integrity]' /sys/kernel/security/lockdown
config=/sys/bus/pci/devices/$SWITCH/config
refuses_writes() { ! dd if="$config" of="$config" bs=4 count=1 conv=notrunc; } # the ids, which are read-only
check "it refuses to write config space" refuses_writes

kernel_remember
bus_start
doed_start

check_equal "the Manager says so" integrity "$(property /org/doed1 Manager Lockdown)"

check "the endpoint's Owner is kernel" wait_for 30 property_is "$endpoint" Mailbox Owner kernel
check_equal "GetTable gives the kernel's bytes" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${NO_OPTIONS[@]}")"
check_equal "its Source is kernel" kernel "$(property "$endpoint" Cdat Source)"
check_equal "a forced GetTable is refused" org.doed1.Error.KernelOwned \
  "$(call_error "$endpoint" Cdat GetTable "${REFRESH[@]}")"

check "the switch port's Owner is none" wait_for 30 property_is "$switch" Mailbox Owner none
check_equal "its State too" none "$(property "$switch" Mailbox State)"
reason=$(property "$switch" Mailbox OwnerReason)
check "OwnerReason mentions lockdown: \"$reason\"" grep -qi lockdown <<<"$reason"
check_equal "Discover fails" org.doed1.Error.Lockdown "$(call_error "$switch" Mailbox Discover "${NO_OPTIONS[@]}")"
check_equal "Reset fails" org.doed1.Error.Lockdown "$(call_error "$switch" Mailbox Reset "${NO_OPTIONS[@]}")"
refused "doectl says so" lockdown "$DOECTL" cdat "$SWITCH"

# ---- VFIO is not gated -------------------------------------------------------

modprobe vfio-pci || abort "module vfio-pci loads" "modprobe ended with $?"
bind_driver "$ENDPOINT" vfio-pci
check "bound to vfio-pci, the endpoint's Owner is vfio" within $LIMIT_MS property_is "$endpoint" Mailbox Owner vfio
check "its mailbox becomes idle" within $LIMIT_MS served "$endpoint"
check_equal "a forced GetTable gives the kernel's bytes" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${REFRESH[@]}")"
check_equal "its Source is mailbox" mailbox "$(property "$endpoint" Cdat Source)"

bind_driver "$ENDPOINT" cxl_pci
check "bound to cxl_pci again, its Owner is kernel" within $LIMIT_MS property_is "$endpoint" Mailbox Owner kernel

# A claim cannot be had; what the kernel knows stays.
doed_stop
echo "{\"devices\": {\"$ENDPOINT\": {\"owner\": \"claim\"}}}" >"$TMP/claim.json"
doed_start --config "$TMP/claim.json"
check "claimed by the configuration, its Owner is kernel" wait_for 30 property_is "$endpoint" Mailbox Owner kernel
reason=$(property "$endpoint" Mailbox OwnerReason)
check "OwnerReason mentions lockdown: \"$reason\"" grep -qi lockdown <<<"$reason"
check_equal "GetTable gives the kernel's bytes" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${NO_OPTIONS[@]}")"
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_kernel
doed_log
