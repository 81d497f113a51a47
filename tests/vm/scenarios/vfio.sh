#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The endpoint bound to vfio-pci: doed drives its mailbox through VFIO, with interrupts
# and without, gives it back the moment somebody wants it, and says what to do when it
# cannot have it. The switch port, a bridge that vfio-pci refuses, is served through
# sysfs at the same time.
# vm-timeout: 420
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0
readonly CDAT_EXCHANGES=7 REBINDINGS=10
readonly CLIENT_MAY_SEE='org\.doed1\.Error\.(DeviceGone|KernelOwned|Cancelled)|org\.freedesktop\.DBus\.Error\.Unknown.*'

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")

count() { property "$1" Mailbox "$2"; }

# Backend, Owner and Completion of a mailbox in one line; what doed does not drive has no backend.
way() {
  echo "$(property "$1" Mailbox Backend) $(property "$1" Mailbox Owner) $(property "$1" Mailbox Completion)"
}
way_is() { [[ $(way "$1") == "$2" ]]; }

registers() { echo "bus master $(bus_master "$ENDPOINT"), interrupts $(doe_interrupt "$ENDPOINT" "$endpoint_doe")"; }

# ---- the kernel's table, as long as the kernel has one -----------------------

load_cxl
wait_for 30 kernel_cdat "$ENDPOINT" || abort "the kernel reads the endpoint's CDAT" "no CDAT file"
reference=$TMP/reference.cdat
cat "$(kernel_cdat "$ENDPOINT")" >"$reference"
reference_bytes=$(file_bytes "$reference")
check_equal "the kernel's CDAT file has 160 bytes" 160 "$(file_size "$reference")"

modprobe vfio-pci || abort "module vfio-pci loads" "modprobe ended with $?"
kernel_remember
bus_start
bind_driver "$ENDPOINT" vfio-pci
check_equal "before doed, the endpoint's registers" "bus master off, interrupts off" "$(registers)"

# ---- with interrupts ---------------------------------------------------------

doed_start
check "the endpoint is served: VFIO, owner vfio, by interrupt" wait_for 30 way_is "$endpoint" "vfio vfio interrupt"
check "its mailbox becomes idle" wait_for 30 served "$endpoint"
check "the switch port is served: sysfs, owner daemon, by polling" wait_for 30 way_is "$switch" "sysfs daemon poll"
check_equal "the endpoint's registers under doed" "bus master on, interrupts on" "$(registers)"

check "doectl cdat --raw writes a file" "$DOECTL" cdat "$ENDPOINT" --raw "$TMP/vfio.cdat"
check "the table read through VFIO equals the kernel's, byte for byte" cmp "$TMP/vfio.cdat" "$reference"
check_equal "Source is mailbox" mailbox "$(property "$endpoint" Cdat Source)"

exchanges=$(count "$endpoint" Exchanges) by_interrupt=$(count "$endpoint" InterruptCompletions)
delivered=$(vfio_interrupts "$ENDPOINT")
check_equal "a forced GetTable equals the kernel's file" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${REFRESH[@]}")"
check_equal "it took $CDAT_EXCHANGES exchanges" $CDAT_EXCHANGES $(($(count "$endpoint" Exchanges) - exchanges))
check_equal "as many ended by an interrupt" $CDAT_EXCHANGES \
  $(($(count "$endpoint" InterruptCompletions) - by_interrupt))
check_equal "the kernel delivered as many to VFIO's eventfd" $CDAT_EXCHANGES \
  $(($(vfio_interrupts "$ENDPOINT") - delivered))

# Both devices at once, and a reset of the endpoint in the middle of it.
exchanges=$(count "$endpoint" Exchanges) by_interrupt=$(count "$endpoint" InterruptCompletions)
client_start "$endpoint" "$switch"
sleep 2
client_stop
wait_for 5 served "$endpoint"
exchanges=$(($(count "$endpoint" Exchanges) - exchanges))
by_interrupt=$(($(count "$endpoint" InterruptCompletions) - by_interrupt))
check "both are read at once: $exchanges exchanges with the endpoint" test "$exchanges" -gt $CDAT_EXCHANGES
check_equal "all of them ended by an interrupt" "$exchanges" "$by_interrupt"
check_equal "none by a poll" 0 "$(count "$endpoint" PollCompletions)"
check_equal "none of the switch port's by an interrupt" 0 "$(count "$switch" InterruptCompletions)"
check_equal "no reading failed" '' "$(client_errors none)"

client_start "$endpoint" "$switch"
freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
echo 1 >"/sys/bus/pci/devices/$ENDPOINT/reset"
since=$(milliseconds)
doed_thaw
check_served "$since" "$endpoint" "reset in the middle of an exchange it is served again"
client_stop
check_equal "every table was the same" 1 "$(client_tables "$endpoint")"
wait_for 5 served "$endpoint"
check_equal "it is still served by interrupt" "vfio vfio interrupt" "$(way "$endpoint")"
check_equal "its registers" "bus master on, interrupts on" "$(registers)"

doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"
check_equal "after doed, the endpoint's registers" "bus master off, interrupts off" "$(registers)"
check_equal "no interrupt is set up any more" '' "$(vfio_interrupts "$ENDPOINT")"

# ---- killed in mid-exchange --------------------------------------------------

doed_start
wait_for 30 served "$endpoint"
client_start "$endpoint" "$switch"
freeze_in_exchange "$ENDPOINT" "$endpoint_doe"
doed_kill
check_equal "when doed is killed, the kernel ends bus mastering" off "$(bus_master "$ENDPOINT")"
since=$(milliseconds)
doed_start
for mailbox in "$endpoint" "$switch"; do
  check_served "$since" "$mailbox" "a new doed serves ${mailbox##*/}"
done
client_stop
wait_for 5 served "$endpoint"
check_equal "the endpoint by interrupt again" "vfio vfio interrupt" "$(way "$endpoint")"
doed_stop

# ---- without interrupts ------------------------------------------------------

echo '{"interrupts": false}' >"$TMP/poll.json"
doed_start --config "$TMP/poll.json"
check "interrupts: false: VFIO, owner vfio, by polling" wait_for 30 way_is "$endpoint" "vfio vfio poll"
wait_for 30 served "$endpoint"
check_equal "a forced GetTable equals the kernel's file" "$reference_bytes" \
  "$(call_bytes "$endpoint" Cdat GetTable "${REFRESH[@]}")"
check_equal "no exchange ended by an interrupt" 0 "$(count "$endpoint" InterruptCompletions)"
check "but some by polling" test "$(count "$endpoint" PollCompletions)" -gt 0
check_equal "none is set up" '' "$(vfio_interrupts "$ENDPOINT")"
client_start "$endpoint"
wait_for 10 event_after 0 table "$endpoint"
seen=$(for ((i = 0; i < 50; i++)); do registers; done | sort | uniq -c | xargs)
client_stop
check_equal "the endpoint's registers while it is read, at each of 50 looks" "50 bus master off, interrupts off" "$seen"
doed_stop
check_equal "after doed, the endpoint's registers" "bus master off, interrupts off" "$(registers)"

# ---- drivers come and go under doed ------------------------------------------
# A client asks for the device's table all the time, so that exchanges are cut off.

# rebound DRIVER WAY: binds the driver and counts what does not follow within 3 s.
rebound() {
  bind_driver "$ENDPOINT" "$1"
  slowest_unbind=$(slowest "$slowest_unbind" "$unbind_ms")
  within $LIMIT_MS way_is "$endpoint" "$2" || late+=" $1: $(way "$endpoint"),"
  slowest_owner=$(slowest "$slowest_owner" "$waited_ms")
}

doed_start
wait_for 30 served "$endpoint"
client_start "$endpoint"
wait_for 10 event_after 0 table "$endpoint"
slowest_unbind=0 slowest_owner=0 slowest_table=0 late='' unlike=''
for ((cycle = 1; cycle <= REBINDINGS; cycle++)); do
  rebound cxl_pci " kernel kernel"
  wait_for 10 kernel_cdat "$ENDPOINT"
  wait_for 3 property_is "$endpoint" Cdat Source kernel
  [[ $(call_bytes "$endpoint" Cdat GetTable "${NO_OPTIONS[@]}") == "$reference_bytes" ]] || unlike+=" kernel $cycle,"
  rebound vfio-pci "vfio vfio interrupt"
  since=$(milliseconds)
  served_after "$since" "$endpoint" || late+=" table through vfio: $served_ms,"
  [[ $served_ms == never ]] || slowest_table=$(slowest "$slowest_table" "$served_ms")
done
client_stop
check_equal "$REBINDINGS times cxl_pci and vfio-pci: backend, owner and completion follow within 3 s ($slowest_owner ms)" \
  '' "$late"
check_equal "doed does not say that interrupts are lost" '' "$(grep 'interrupts do not arrive' "$DOED_LOG")"
check "no unbinding takes longer than 3 s ($slowest_unbind ms)" test "$slowest_unbind" -le $LIMIT_MS
check_equal "the kernel's table is the same each time" '' "$unlike"
check_equal "the mailbox's table too ($slowest_table ms)" "1 $(md5sum <"$reference" | cut -d ' ' -f 1)" \
  "$(client_tables "$endpoint") $(awk '$2 == "table" { print $4; exit }' "$CLIENT_LOG")"
check_equal "the client saw no other errors than it should" '' "$(client_errors "$CLIENT_MAY_SEE")"
check "doed lives" doed_is_running
polled=$(count "$endpoint" PollCompletions) rung=$(count "$endpoint" InterruptCompletions)
check "of $rung exchanges next to none was polled ($polled): an interrupt may come later than the safety poll on a busy host" \
  test $((polled * 100)) -le "$rung"

# ---- the device is taken away under VFIO -------------------------------------

client_start "$endpoint"
wait_for 10 event_after 0 table "$endpoint"
since=$(milliseconds)
echo 1 >"/sys/bus/pci/devices/$ENDPOINT/remove"
check "doed does not hold up a removal ($(($(milliseconds) - since)) ms)" test $(($(milliseconds) - since)) -le $LIMIT_MS
check "the mailbox disappears" within $LIMIT_MS event_after "$since" removed "$endpoint" org.doed1.Mailbox
client_stop
echo 1 >/sys/bus/pci/rescan # without vfio-pci: driver_override is gone with the old device
[[ $(driver_of "$ENDPOINT") == cxl_pci ]] || bind_driver "$ENDPOINT" cxl_pci
check "it returns at the same path, with the kernel as its owner" within $LIMIT_MS \
  way_is "$endpoint" " kernel kernel"
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

# ---- somebody else has the device --------------------------------------------

bind_driver "$ENDPOINT" vfio-pci
group=$(vfio_group "$ENDPOINT")
sleep infinity 3<>"$group" &
holder=$!
doed_start
check "with $group open in another process, Owner is none" wait_for 30 property_is "$endpoint" Mailbox Owner none
reason=$(property "$endpoint" Mailbox OwnerReason)
check "OwnerReason says so: \"$reason\"" grep -qiE "(vfio|group).*(busy|in use|held|open|another)" <<<"$reason"
check "Discover is refused: $(call_error "$endpoint" Mailbox Discover "${NO_OPTIONS[@]}")" \
  test -n "$(call_error "$endpoint" Mailbox Discover "${NO_OPTIONS[@]}")"
check "the switch port is served all the same" wait_for 30 way_is "$switch" "sysfs daemon poll"
kill "$holder"
wait "$holder" 2>/dev/null
echo change >"/sys/bus/pci/devices/$ENDPOINT/uevent"
check "when the other has closed it and a change is announced, doed takes it" \
  within $LIMIT_MS way_is "$endpoint" "vfio vfio interrupt"
check "and serves it" within $LIMIT_MS served "$endpoint"
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_kernel
doed_log
