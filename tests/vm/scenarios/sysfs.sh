#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# First light: doed on the sysfs backend beside the kernel's own CXL drivers. Once
# told to claim the endpoint, once left to decide; the kernel's CDAT file is the
# reference both times. Accesses are counted twice, by doed and by strace, which also
# tells whose config space is opened when the host is looked at again. At the end the
# kernel is locked down under doed.
# vm-qemu: -device virtio-rng-pci,bus=pcie.0,addr=0x1e
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0 BYSTANDER=0000:00:1e.0
readonly CDAT_BYTES=160 SWITCH_CDAT_BYTES=64
readonly ACCESS_BUDGET=172 # for the endpoint's table: 7 exchanges

# ---- the machine is what we think it is --------------------------------------

load_cxl
wait_for 30 kernel_cdat "$ENDPOINT" ||
  abort "the kernel reads the endpoint's CDAT" "no CDAT file; $(dmesg | grep cxl | tail -n 1)"
reference=$(kernel_cdat "$ENDPOINT")
reference_bytes=$(file_bytes "$reference")
check_equal "the kernel's CDAT file has $CDAT_BYTES bytes" $CDAT_BYTES "$(file_size "$reference")"
check_equal "cxl_pci is bound to the endpoint" cxl_pci "$(driver_of "$ENDPOINT")"

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")

kernel_remember
bus_start

# ---- claim: doed drives the mailbox although cxl_pci is bound ----------------

cat >"$TMP/claim.json" <<END
{"devices": {"$ENDPOINT": {"owner": "claim"}}}
END
doed_start --config "$TMP/claim.json"

check "the endpoint's mailbox becomes idle" wait_for 30 property_is "$endpoint" Mailbox State idle
check "the switch port's mailbox becomes idle" wait_for 30 property_is "$switch" Mailbox State idle
check_equal "claim: the endpoint's Owner is daemon" daemon "$(property "$endpoint" Mailbox Owner)"
check_equal "claim: the switch port's Owner is daemon" daemon "$(property "$switch" Mailbox Owner)"

features=$(property "$endpoint" Mailbox Features) # 2 1 0 "name" 7832 2 "name"
check "Features have discovery, 0001:00" grep -qE '^[0-9]+ (.* )?1 0 "' <<<"$features"
check "Features have CDAT, 1e98:02" grep -qE ' 7832 2 "' <<<"$features"

check "doectl cdat --raw writes a file" "$DOECTL" cdat "${ENDPOINT#0000:}" --raw "$TMP/endpoint.cdat"
check "doectl's table equals the kernel's, byte for byte" cmp "$TMP/endpoint.cdat" "$reference"
check_equal "claim: Source is mailbox" mailbox "$(property "$endpoint" Cdat Source)"
check "doectl cdat --raw writes the switch port's" "$DOECTL" cdat "$SWITCH" --raw "$TMP/switch.cdat"
check_equal "the switch port's table has $SWITCH_CDAT_BYTES bytes" $SWITCH_CDAT_BYTES "$(file_size "$TMP/switch.cdat")"
check_equal "its header says so too" $SWITCH_CDAT_BYTES "$((0x$(od -An -tx4 -N 4 "$TMP/switch.cdat" | tr -d ' ')))"

# ---- one forced reading, counted ---------------------------------------------

accesses() {
  echo $(($(property "$endpoint" Mailbox ConfigReads) + $(property "$endpoint" Mailbox ConfigWrites)))
}

trace_start "$CONFIG_CALLS"
before=$(accesses)
table=$(call_bytes "$endpoint" Cdat GetTable "${REFRESH[@]}")
after=$(accesses)
trace_stop
counted=$((after - before)) witnessed=$(traced_accesses "$ENDPOINT")
check_equal "a forced GetTable equals the kernel's file" "$reference_bytes" "$table"
check "it took $counted config accesses: more than none, at most $ACCESS_BUDGET" \
  test "$counted" -gt 0 -a "$counted" -le $ACCESS_BUDGET
check_equal "strace saw the same number" "$counted" "$witnessed"

# ---- the host is looked at again ---------------------------------------------

# A look ends with what the last function's attributes say.
looked() { grep -q "openat(.*/$SWITCH/vendor\"" "$TMP/strace"; }
# config_opens REGEX: whose config space was opened, and how often; BDFs that match
config_opens() { sed -nE 's|.*openat\([0-9]+<[^>]*/([^/>]+)>, "config".*|\1|p; s|.*openat\(.*"[^"]*/([^/"]+)/config".*|\1|p' "$TMP/strace" | grep -xE "$1" | sort | uniq -c | xargs; }

for event in change remove add; do
  trace_start openat
  case $event in
    change) for device in "$ENDPOINT" "$SWITCH"; do echo change >"/sys/bus/pci/devices/$device/uevent"; done ;;
    remove) echo 1 >"/sys/bus/pci/devices/$BYSTANDER/remove" ;;
    add) echo 1 >/sys/bus/pci/rescan ;;
  esac
  check "$event: doed looks at the host" wait_for 10 looked
  call "$endpoint" Cdat GetTable "${REFRESH[@]}" >/dev/null
  trace_stop
  if [[ $event == add ]]; then
    check_equal "$event: it opens the new function's config space" "1 $BYSTANDER" "$(config_opens "$BYSTANDER")"
    check_equal "$event: and no other" "1 $BYSTANDER" "$(config_opens '.*')"
  else
    check_equal "$event: it opens no function's config space" '' "$(config_opens '.*')"
  fi
done

# ---- bad input ---------------------------------------------------------------

refused "a second doed on this host is refused" 'already|another|lock' \
  "$DOED" --bus system --backend sysfs
"$DOECTL" show 0000:7f:1f.7 >"$TMP/unknown" 2>&1
check_equal "doectl ends with 3 for a device that does not exist" 3 $?
check_equal "and says so in one line" 1 "$(wc -l <"$TMP/unknown")"

# ---- the end -----------------------------------------------------------------

doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"
check "within 3 s" test "$doed_stop_ms" -lt 3000
check_equal "and the name is free" 1 "$(name_is_owned; echo $?)"

refused "doed without root is refused" 'root|permission|permitted|privilege|denied' \
  setpriv --reuid=65534 --regid=65534 --clear-groups "$DOED" --bus system --backend sysfs

# ---- auto: the kernel has a user of the mailbox, so it keeps it --------------

doed_start
check "auto: the endpoint's Owner is kernel" wait_for 30 property_is "$endpoint" Mailbox Owner kernel
check_equal "auto: GetTable gives the kernel's bytes" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${NO_OPTIONS[@]}")"
check_equal "auto: Source is kernel" kernel "$(property "$endpoint" Cdat Source)"
check_equal "auto: Discover is refused" org.doed1.Error.KernelOwned \
  "$(call_error "$endpoint" Mailbox Discover "${NO_OPTIONS[@]}")"
check_equal "auto: a forced GetTable is refused" org.doed1.Error.KernelOwned \
  "$(call_error "$endpoint" Cdat GetTable "${REFRESH[@]}")"
check "auto: the switch port's mailbox becomes idle" wait_for 30 property_is "$switch" Mailbox State idle
check_equal "auto: the switch port's Owner is daemon" daemon "$(property "$switch" Mailbox Owner)"

# ---- the kernel is locked down meanwhile -------------------------------------
# No event tells of it: the first request that fails does, or the next event.

sleep 4 # beyond the last look of the start, so that the request alone makes it look
check_equal "the Manager knows of no lockdown" none "$(property /org/doed1 Manager Lockdown)"
echo integrity >/sys/kernel/security/lockdown || fail "the kernel can be locked down" "see the console log"
since=$(milliseconds)
check_equal "locked down: Discover fails" org.doed1.Error.Lockdown \
  "$(call_error "$switch" Mailbox Discover "${NO_OPTIONS[@]}")"
check "and says so in time ($(($(milliseconds) - since)) ms)" test $(($(milliseconds) - since)) -le $LIMIT_MS
check "the switch port's Owner is none within 3 s" within $LIMIT_MS property_is "$switch" Mailbox Owner none
reason=$(property "$switch" Mailbox OwnerReason)
check "OwnerReason mentions lockdown: \"$reason\"" grep -qi lockdown <<<"$reason"
check "the Manager says so within 3 s" within $LIMIT_MS property_is /org/doed1 Manager Lockdown integrity
check_equal "what needs the mailbox is still refused so" org.doed1.Error.Lockdown \
  "$(call_error "$switch" Mailbox Discover "${NO_OPTIONS[@]}")"
echo confidentiality >/sys/kernel/security/lockdown || fail "lockdown can be raised further" "see the console log"
echo change >"/sys/bus/pci/devices/$SWITCH/uevent"
check "raised further, the Manager says so within 3 s of an event" \
  within $LIMIT_MS property_is /org/doed1 Manager Lockdown confidentiality
check "the switch port's Owner is none" within $LIMIT_MS property_is "$switch" Mailbox Owner none
check_equal "the endpoint's Owner is still kernel" kernel "$(property "$endpoint" Mailbox Owner)"
check_equal "its table still the kernel's" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${NO_OPTIONS[@]}")"
doed_stop
check_equal "SIGTERM ends doed with 0 again" 0 "$doed_status"

check_kernel
doed_log
