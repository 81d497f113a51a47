#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A mailbox is lent to a tool: while the lease lives, doed does not touch it, as strace
# can tell, and clients are told so; afterwards, however the lease ended, it is served
# again. A doed that is started under a lease keeps off too. At the end the same with
# VFIO, where the tool gets the whole device.
# vm-timeout: 480
# shellcheck disable=SC2119
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")
readonly LENT=${SWITCH#0000:}/$switch_doe

released() { property_is "$1" Mailbox State released && property_is "$1" Mailbox Owner released; }
served_by() { property_is "$1" Mailbox Owner "$2" && served "$1"; }

# A command for a lease: notes when it begins and ends, and lasts until told.
cat >"$TMP/tool" <<END
#!/bin/bash
echo "\$EPOCHREALTIME" >$TMP/tool.begin
until [[ -e $TMP/tool.stop ]]; do sleep 0.1; done
echo "\$EPOCHREALTIME" >$TMP/tool.end
exit 7
END
chmod +x "$TMP/tool"

# check_reclaimed MAILBOX OWNER WHEN
check_reclaimed() {
  check "$3 it is served again within 3 s" within $LIMIT_MS served_by "$1" "$2"
  check_equal "its table is as before" "$table" "$(call_bytes "$switch" Cdat GetTable "${REFRESH[@]}")"
}

kernel_remember
bus_start
doed_start
check "the switch port's mailbox becomes idle" wait_for 30 served_by "$switch" daemon
check "the endpoint's mailbox becomes idle" wait_for 30 served_by "$endpoint" daemon
table=$(call_bytes "$switch" Cdat GetTable "${REFRESH[@]}")
check_equal "the switch port's table has 64 bytes" 64 "$(wc -w <<<"$table")"

# ---- doectl release ----------------------------------------------------------

trace_start "$DEVICE_CALLS"
begin=$EPOCHREALTIME
call "$switch" Cdat GetTable "${REFRESH[@]}" >"$TMP/answer"
end=$EPOCHREALTIME

lease_begin=$EPOCHREALTIME
"$DOECTL" release "$LENT" -- bash -c "echo \$EPOCHREALTIME >$TMP/sleep.begin; sleep 2; echo \$EPOCHREALTIME >$TMP/sleep.end"
status=$?
lease_ms=$((${EPOCHREALTIME/./} / 1000 - ${lease_begin/./} / 1000))
wait_for 10 served "$switch"
after=$EPOCHREALTIME
trace_stop

check_equal "doectl release $LENT -- sleep 2 ends with 0" 0 "$status"
check "after 2 s and not much more ($lease_ms ms)" test "$lease_ms" -ge 2000 -a "$lease_ms" -le 8000
check "before it, strace saw doed reach the device" test "$(traced_between "$SWITCH" "$begin" "$end")" -gt 0
check_equal "during it, not once" 0 "$(traced_between "$SWITCH" "$(cat "$TMP/sleep.begin")" "$(cat "$TMP/sleep.end")")"
check "after it, again" test "$(traced_between "$SWITCH" "$(cat "$TMP/sleep.end")" "$after")" -gt 0
check_reclaimed "$switch" daemon "after it"

# ---- what clients see --------------------------------------------------------

start_tool() { # MAILBOX NAME
  rm -f "$TMP"/tool.*
  "$DOECTL" release "$2" -- "$TMP/tool" &
  lender=$!
  check "a command runs under the lease of $2" wait_for 20 test -s "$TMP/tool.begin"
  check "State and Owner are released" within $LIMIT_MS released "$1"
}

# check_refused MAILBOX: what would need the device is refused.
check_refused() {
  check_equal "Discover fails" org.doed1.Error.Released "$(call_error "$1" Mailbox Discover "${NO_OPTIONS[@]}")"
  check_equal "Reset fails" org.doed1.Error.Released "$(call_error "$1" Mailbox Reset "${NO_OPTIONS[@]}")"
  check_equal "a second Release fails" org.doed1.Error.Released "$(call_error "$1" Mailbox Release "${NO_OPTIONS[@]}")"
}

# check_released MAILBOX: the same of one that is known to have a table.
check_released() {
  check_refused "$1"
  check_equal "a forced GetTable fails" org.doed1.Error.Released "$(call_error "$1" Cdat GetTable "${REFRESH[@]}")"
}

# end_tool: lets the command end, which end_status tells.
end_tool() {
  touch "$TMP/tool.stop"
  wait "$lender"
  end_status=$?
} 2>/dev/null

client_start "$switch" # readings on the wire and waiting when the lease begins
wait_for 10 event_after 0 table "$switch"
start_tool "$switch" "$LENT"
check "OwnerReason says something: \"$(property "$switch" Mailbox OwnerReason)\"" \
  test -n "$(property "$switch" Mailbox OwnerReason)"
check_released "$switch"
check "the endpoint is served as ever" served_by "$endpoint" daemon
end_tool
check_equal "doectl ends as its command did" 7 "$end_status"
check_served "$(milliseconds)" "$switch" "a client that kept asking is served again"
client_stop
check_equal "it was told nothing else in between" '' "$(client_errors 'org\.doed1\.Error\.Released')"
check_equal "all its tables were the same" 1 "$(client_tables "$switch")"
check_reclaimed "$switch" daemon "when the command has ended"

# ---- leases that end badly ---------------------------------------------------

tool_runs() { pgrep -f "^/bin/bash $TMP/tool" >/dev/null; }
has_no_tool() { ! tool_runs; }

start_tool "$switch" "$LENT"
kill -KILL "$lender"
wait "$lender" 2>/dev/null
check "doectl is killed, and its command goes on" tool_runs
check_released "$switch"
end_tool
check_reclaimed "$switch" daemon "when the command has ended"

start_tool "$switch" "$LENT"
kill -TERM "$lender"
wait "$lender" 2>/dev/null
check_equal "doectl ends by SIGTERM as its command does" 143 $?
check "the command has ended" has_no_tool
check_reclaimed "$switch" daemon "then"

# busctl ends as soon as it has printed the answer.
check "a lease whose holder ends at once is given" call "$switch" Mailbox Release "${NO_OPTIONS[@]}"
check_reclaimed "$switch" daemon "then"

# A holder that leaves the bus with the descriptor open.
/usr/bin/python3 - "$switch" <<'END' &
import sys, time
import dbus

bus = dbus.SystemBus(private=True)
mailbox = dbus.Interface(bus.get_object("org.doed1", sys.argv[1], introspect=False), "org.doed1.Mailbox")
lease = mailbox.Release(dbus.Dictionary(signature="sv"), signature="a{sv}").take()
bus.set_exit_on_disconnect(False)
bus.close()
time.sleep(60)
END
holder=$!
holder_has_left() {
  local name
  name=$(property "$switch" Mailbox OwnerReason)
  [[ $name == "lent to :"* ]] && ! busctl status "${name#lent to }"
}
check "a holder leaves the bus" wait_for 20 holder_has_left
check_released "$switch"
kill -KILL "$holder"
wait "$holder" 2>/dev/null
check_reclaimed "$switch" daemon "when it is killed"

# A holder that stays on the bus and closes the descriptor.
/usr/bin/python3 - "$switch" <<'END' &
import os, sys, time
import dbus

mailbox = dbus.Interface(dbus.SystemBus().get_object("org.doed1", sys.argv[1], introspect=False), "org.doed1.Mailbox")
lease = mailbox.Release(dbus.Dictionary(signature="sv"), signature="a{sv}").take()
time.sleep(3)
os.close(lease)
time.sleep(60)
END
holder=$!
check "a lease held by descriptor" wait_for 20 released "$switch"
check "is over when that is closed" wait_for 8 served_by "$switch" daemon
check "while its holder lives" kill -0 "$holder"
kill -KILL "$holder"
wait "$holder" 2>/dev/null

# ---- doed ends and begins under a lease ----------------------------------------

readonly LEASE=/run/doed/leases/${SWITCH}_$switch_doe

lease_is_locked() { ! flock --nonblock "$LEASE" true; }

# check_restarted WAY: doed has ended in that way.
check_restarted() {
  check "$1: the lease is there without doed" lease_is_locked
  doed_start_traced "$DEVICE_CALLS"
  check "$1: the endpoint is served by the new doed" wait_for 30 served_by "$endpoint" daemon
  check "$1: the switch port's mailbox is still lent" released "$switch"
  check_equal "$1: to whom it was lent" "$reason" "$(property "$switch" Mailbox OwnerReason)"
  check_refused "$switch"
  trace_stop
  check "$1: strace saw the new doed at the endpoint's mailbox" \
    test "$(traced_registers "$ENDPOINT" "$endpoint_doe")" -gt 0 -a "$(traced_writes "$ENDPOINT")" -gt 0
  check_equal "$1: not at the switch port's" 0 "$(traced_registers "$SWITCH" "$switch_doe")"
  check_equal "$1: nor did it write anything there" 0 "$(traced_writes "$SWITCH")"
  check "$1: the command runs as before" tool_runs
}

start_tool "$switch" "$LENT"
reason=$(property "$switch" Mailbox OwnerReason)
doed_stop
check_equal "SIGTERM ends doed with 0 although a mailbox is lent" 0 "$doed_status"
check_restarted SIGTERM
doed_kill
check_restarted SIGKILL
end_tool
check_equal "the command has not noticed" 7 "$end_status"
check_reclaimed "$switch" daemon "when it has ended"
check "no file is left of the lease" test ! -e "$LEASE"

# A lease that ends while there is no doed.
start_tool "$switch" "$LENT"
doed_kill
end_tool
check "the file of a lease that is over may be left" test -e "$LEASE"
doed_start
check "and keeps no new doed from serving it" wait_for 30 served_by "$switch" daemon
check_equal "its table is as before" "$table" "$(call_bytes "$switch" Cdat GetTable "${REFRESH[@]}")"

# ---- VFIO --------------------------------------------------------------------

modprobe vfio-pci || abort "module vfio-pci loads" "modprobe ended with $?"
bind_driver "$ENDPOINT" vfio-pci
check "bound to vfio-pci, the endpoint is served" wait_for 30 served_by "$endpoint" vfio
group=$(vfio_group "$ENDPOINT")
start_tool "$endpoint" "${ENDPOINT#0000:}/$endpoint_doe"
check_released "$endpoint"
check "its group $group can be opened by others" eval "exec 3<>$group"
doed_kill
doed_start_traced "$DEVICE_CALLS"
trace_stop
check "a new doed leaves the device lent" released "$endpoint"
check_equal "and does not open it" 0 "$(traced_writes "$ENDPOINT")"
check "its group can be opened by others" eval "exec 3<>$group"
end_tool
check "after the lease it is served again within 3 s" within $LIMIT_MS served_by "$endpoint" vfio
check_equal "by interrupt" interrupt "$(property "$endpoint" Mailbox Completion)"
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_kernel
doed_log
