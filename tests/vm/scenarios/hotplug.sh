#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Devices come and go, are reset, and doed itself is killed, each time in the middle of
# exchanges: a client keeps forced readings of both tables going all the time, and where
# it matters doed is stopped half-way through an answer while things happen to the
# device. The devices answer at once, with a table that takes its time to be read.
# Whatever happened, 3 s later all is served again. The kernel's CXL drivers stay away:
# doed drives both mailboxes.
# vm-table: slow.cdat 2000
# vm-qemu: -global cxl-type3.cdat=slow.cdat -global cxl-upstream.cdat=slow.cdat
# vm-append: pciehp.pciehp_poll_mode=1
# vm-timeout: 480
# shellcheck disable=SC2119
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0
readonly CYCLES=20 RESETS=3 KILLS=3
# What a client may be told while its device is away, or doed.
readonly AWAY='org\.doed1\.Error\.DeviceGone|org\.freedesktop\.DBus\.Error\.Unknown.*'
readonly DOED_AWAY="$AWAY|org\.freedesktop\.DBus\.Error\.(NoReply|ServiceUnknown|NameHasNoOwner|Disconnected)"

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")
endpoint_device=${endpoint%/*}

objects() { busctl tree --list org.doed1 | sort | xargs; }
# last_table PATH: when the client got its last one
last_table() { awk -v path="$1" '$2 == "table" && $3 == path { at = $1 } END { print at }' "$CLIENT_LOG"; }
# both_served_after MS: sets both_ms to the slower one, or to "never".
both_served_after() {
  local mailbox
  both_ms=0
  for mailbox in "$endpoint" "$switch"; do
    served_after "$1" "$mailbox"
    [[ $served_ms != never && $both_ms != never ]] && both_ms=$(slowest "$both_ms" "$served_ms") || both_ms=never
  done
  [[ $both_ms != never ]] && ((both_ms <= LIMIT_MS))
}

kernel_remember
bus_start
doed_start
for mailbox in "$endpoint" "$switch"; do
  check "${mailbox##*/} becomes idle" wait_for 30 served "$mailbox"
  check_equal "its Owner is daemon" daemon "$(property "$mailbox" Mailbox Owner)"
done
check_equal "the endpoint's table has 16056 bytes" 16056 \
  "$(call_bytes "$endpoint" Cdat GetTable "${REFRESH[@]}" | wc -w)"
client_start "$endpoint" "$switch"
check "both tables are read all the time" both_served_after "$(milliseconds)"

# ---- removal and rescan ------------------------------------------------------

# One cycle of both devices; counts what comes late.
cycle() {
  local begin back mailbox
  begin=$(milliseconds)
  echo 1 >"/sys/bus/pci/devices/$ENDPOINT/remove"
  echo 1 >"/sys/bus/pci/devices/$SWITCH/remove"
  doed_thaw # if it was stopped
  slowest_remove=$(slowest "$slowest_remove" $(($(milliseconds) - begin)))
  for mailbox in "$endpoint" "$switch"; do
    within $LIMIT_MS event_after "$begin" removed "$mailbox" org.doed1.Mailbox || late+=" $mailbox stays,"
  done
  echo 1 >/sys/bus/pci/rescan
  back=$(milliseconds)
  for mailbox in "$endpoint" "$switch"; do
    within $LIMIT_MS event_after "$begin" added "$mailbox" org.doed1.Mailbox || late+=" $mailbox does not return,"
  done
  both_served_after "$back" || late+=" tables: $both_ms,"
  [[ $both_ms == never ]] || slowest_table=$(slowest "$slowest_table" "$both_ms")
}

objects_before=$(objects)
slowest_remove=0 slowest_table=0 late=''
freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
since=$(milliseconds)
cycle
check "removed in the middle of an exchange: who waits for it learns that the device is gone" \
  event_after "$since" error "$endpoint" org.doed1.Error.DeviceGone
check_equal "removal and rescan: objects go and return, the tables too, within 3 s" '' "$late"
check "the mailbox's object goes before its device's" test \
  "$(event_after "$since" removed "$endpoint" org.doed1.Mailbox)" -le \
  "$(event_after "$since" removed "$endpoint_device" org.doed1.Device)"
cycle
files_before=$(open_files)
for ((i = 3; i <= CYCLES; i++)); do cycle; done
check_equal "$CYCLES cycles: all within 3 s ($slowest_table ms)" '' "$late"
check "neither removal waits for doed ($slowest_remove ms for two)" test "$slowest_remove" -le $LIMIT_MS
check "no more open files than after 2 cycles ($files_before)" within $LIMIT_MS open_files_at_most "$files_before"
check_equal "the same objects as before" "$objects_before" "$(objects)"
check_equal "the client saw only that its devices were away" '' "$(client_errors "$AWAY")"

# ---- function resets ---------------------------------------------------------

slowest_table=0 late=''
for device in "$ENDPOINT" "$SWITCH"; do
  for ((i = 1; i <= RESETS; i++)); do
    freeze_in_exchange "$device" "$([[ $device == "$ENDPOINT" ]] && echo "$endpoint_doe" || echo "$switch_doe")"
    echo 1 >"/sys/bus/pci/devices/$device/reset" || late+=" $device cannot be reset,"
    doed_thaw
    both_served_after "$(milliseconds)" || late+=" $device: $both_ms,"
    [[ $both_ms == never ]] || slowest_table=$(slowest "$slowest_table" "$both_ms")
  done
done
check_equal "$RESETS function resets of each, in the middle of exchanges: both served again within 3 s ($slowest_table ms)" '' "$late"
client_stop
for mailbox in "$endpoint" "$switch"; do
  check "then ${mailbox##*/} is idle" within $LIMIT_MS served "$mailbox"
  check_equal "each of its $(grep -c "table $mailbox " "$CLIENT_LOG") tables was the same" 1 "$(client_tables "$mailbox")"
done

# ---- killed in mid-exchange --------------------------------------------------

client_start "$endpoint" "$switch"
slowest_table=0 late='' half_read=0
for ((i = 1; i <= KILLS; i++)); do
  both_served_after "$(milliseconds)"
  freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
  doed_kill
  ! doe_ready "$ENDPOINT" "$endpoint_doe" || half_read=$((half_read + 1))
  since=$(milliseconds)
  doed_start
  both_served_after "$since" || late+=" $both_ms,"
  [[ $both_ms == never ]] || slowest_table=$(slowest "$slowest_table" "$both_ms")
done
check_equal "killed $KILLS times, each time with an answer half read" $KILLS $half_read
check_equal "a new doed serves both within 3 s of its start ($slowest_table ms)" '' "$late"
client_stop
for mailbox in "$endpoint" "$switch"; do
  check "then ${mailbox##*/} is idle" within $LIMIT_MS served "$mailbox"
  check_equal "each of its tables was the same" 1 "$(client_tables "$mailbox")"
done
check_equal "the client saw only that doed was away" '' "$(client_errors "$DOED_AWAY")"

# ---- runtime power -----------------------------------------------------------

control=/sys/bus/pci/devices/$ENDPOINT/power/control
before=$(cat "$control")
check_equal "idle, doed leaves power/control as it was" on "$before"
echo auto >"$control"
client_start "$endpoint" "$switch"
freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
check_equal "auto before, it is on during an operation" on "$(cat "$control")"
doed_thaw
client_stop
check "and afterwards auto again" within $LIMIT_MS grep -qx auto "$control"

client_start "$endpoint" "$switch"
freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
doed_kill
check_equal "killed in the middle of an operation, doed leaves it on" on "$(cat "$control")"
since=$(milliseconds)
doed_start
check_served "$since" "$endpoint" "a new doed serves the endpoint"
client_stop
check "and it is auto again" within $LIMIT_MS grep -qx auto "$control"
doed_stop
check_equal "also when doed has ended" "0 auto" "$doed_status $(cat "$control")"

# ---- the device is unplugged -------------------------------------------------
# device_del presses the slot's button: the kernel takes the device away some 6 s later,
# and with it the exchange that is on the wire then.

unplug() { qmp device_del "{\"id\": \"$1\"}" || fail "QEMU takes $1 away" "see the console log"; }
is_absent() { [[ ! -e /sys/bus/pci/devices/$1 ]]; }
# A new QEMU may not use a backend again: the one that comes back has its own.
plug_in() {
  qmp device_add '{"driver": "cxl-type3", "id": "cxl-pmem3", "bus": "rp0", "memdev": "cxl-mem3", "lsa": "cxl-lsa3"}'
}

# Once doed is stopped half-way through an answer for as long as that takes, which is
# what a slow exchange would be; once it runs.

doed_start
for round in 1 2; do
  client_start "$endpoint" "$switch"
  both_served_after "$(milliseconds)"
  since=$(milliseconds)
  if ((round == 1)); then
    unplug cxl-pmem0
    freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
    what="unplugged in the middle of an exchange"
  else
    unplug cxl-pmem3
    what="unplugged while in use"
  fi
  check "$what: the kernel removes the endpoint" wait_for 40 is_absent "$ENDPOINT"
  gone=$(milliseconds)
  doed_thaw
  check "$what: its objects disappear within 3 s" \
    within $LIMIT_MS event_after "$since" removed "$endpoint_device" org.doed1.Device
  # Objects go when the host has been looked at; who reads learns of it from the device.
  within $LIMIT_MS event_after "$since" error "$endpoint" org.doed1.Error.DeviceGone
  told=$(event_after "$since" error "$endpoint" org.doed1.Error.DeviceGone)
  check "$what: who reads the table is told that the device is gone within 3 s ($((${told:-0} - gone)) ms)" \
    test -n "$told" -a $((${told:-0} - gone)) -le $LIMIT_MS
  check "$what: it got tables until then, and none since" test "$(last_table "$endpoint")" -le "${told:-0}"
  check_equal "nobody is told anything else" '' "$(client_errors "$AWAY")"
  check "doed lives" doed_is_running
  check_served "$gone" "$switch" "the switch port is served"
  ((round == 1)) || break

  if ! qmp object-add '{"qom-type": "memory-backend-ram", "id": "cxl-mem3", "share": true, "size": 268435456}' ||
    ! qmp object-add '{"qom-type": "memory-backend-ram", "id": "cxl-lsa3", "share": true, "size": 262144}'; then
    fail "QEMU has memory for another endpoint" "see the console log"
  fi
  since=$(milliseconds)
  check "another endpoint is plugged in" wait_for 20 plug_in
  check "the kernel finds it" wait_for 40 test -e "/sys/bus/pci/devices/$ENDPOINT"
  check_served "$(milliseconds)" "$endpoint" "it is served at the same path"
  check "its objects were announced" event_after "$since" added "$endpoint" org.doed1.Mailbox
  client_stop
  check_equal "its table is as before" 1 "$(client_tables "$endpoint")"
done
client_stop
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_kernel
doed_log
