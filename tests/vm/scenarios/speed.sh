#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The endpoint's table read again and again on one boot: by a program that has libpci, the specification and the mailbox for
# itself, and by one that asks doed, which goes through sysfs, through VFIO with interrupts, and through VFIO without. Timed
# with nobody looking on; then counted once more, by whoever makes the accesses and by probes in the kernel. Counts of accesses are
# judged; times, and what else doed does for a table, are told.
# vm-timeout: 420
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh
# shellcheck source=tests/vm/guest/config_probes.sh
. /vm/source/tests/vm/guest/config_probes.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0
readonly READERS=/vm/build/tests/bench
readonly TIMED_TABLES=200 COUNTED_TABLES=5
# The endpoint's table takes 7 exchanges, with 61 dwords of responses: 171 accesses at the least, 7 + 2R for each exchange.
# doed begins each table with one more, a look at the mailbox, which others may have used meanwhile; and with interrupts it
# clears Interrupt Status before each GO, without which a device need not send the next one.
readonly EXCHANGES=7
readonly LIMIT_ACCESSES=171
readonly POLL_ACCESSES=$((LIMIT_ACCESSES + 1)) INTERRUPT_ACCESSES=$((LIMIT_ACCESSES + 1 + EXCHANGES))

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")
for program in libpci-reader libdoed-reader; do
  [[ -x $READERS/$program ]] || abort "$program is built" "configure with -Dtests=true"
done

# ---- one way -----------------------------------------------------------------

# read_tables WAY COUNT: leaves the last table in $TMP/WAY.cdat, and what the reader says in $TMP/WAY.json
read_tables() {
  case $1 in
    libpci*) "$READERS/libpci-reader" "$ENDPOINT" "$endpoint_doe" "$2" "$TMP/$1.cdat" ;;
    doed*) "$READERS/libdoed-reader" "$endpoint" "$2" "$TMP/$1.cdat" ;;
  esac >"$TMP/$1.json"
}
said() { jq -r "$2" "$TMP/$1.json"; } # said WAY FILTER

# timed WAY: tells how long it took.
timed() {
  check "$1: $TIMED_TABLES tables are read" read_tables "$1" $TIMED_TABLES
  check "$1: the last one equals the kernel's, byte for byte" cmp "$TMP/$1.cdat" "$reference"
  note "$1: $(said "$1" '"\(.table_us | round) us for a table" +
    if .copy_us then ", \(.copy_us | round) us for a copy that doed has" else "" end'); medians of $TIMED_TABLES"
}

count() { property "$endpoint" Mailbox "$1"; }
doed_accesses() { echo $(($(count ConfigReads) + $(count ConfigWrites))); }

# counted WAY ACCESSES: a table has to take so many. libpci-reader looks at the mailbox before the first one.
counted() {
  local own before=0 first=0
  [[ $1 == libpci ]] || before=$(doed_accesses)
  config_probes_start
  check "$1: $COUNTED_TABLES tables are read while accesses are counted" read_tables "$1" $COUNTED_TABLES
  config_probes_stop
  if [[ $1 == libpci ]]; then
    own=$(said libpci .accesses) first=$(said libpci .accesses_before)
  else
    own=$(($(doed_accesses) - before))
  fi
  check_equal "$1: by its own count a table takes $2 accesses" "$(($2 * COUNTED_TABLES)) for $COUNTED_TABLES" \
    "$own for $COUNTED_TABLES"
  check_equal "$1: the kernel's probes saw as many" $((own + first)) "$(probed_accesses)"
  check_equal "$1: all of dwords, in the mailbox" '' "$(probed_elsewhere "$endpoint_doe")"
  ways_counted=$((ways_counted + 1))
}

doed_switches() { cat "/proc/$doed_pid/task"/*/status | awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }'; }
of_each() { echo "$((($1 + COUNTED_TABLES / 2) / COUNTED_TABLES))"; }

# told_beside WAY: what doed does beside accesses, for a table and a copy; none of it is libpci-reader's. Its threads change as they do
# when nobody looks on; strace is attached after that.
told_beside() {
  local switches clock driver
  [[ $1 != libpci ]] || return 0
  switches=$(doed_switches)
  check "$1: $COUNTED_TABLES tables are read while changes of threads are counted" read_tables "$1" $COUNTED_TABLES
  switches=$(($(doed_switches) - switches))
  trace_processes clock_gettime,newfstatat "$doed_pid"
  check "$1: $COUNTED_TABLES tables are read while strace looks on" read_tables "$1" $COUNTED_TABLES
  trace_stop
  clock=$(grep -c 'clock_gettime(' "$TMP/strace")
  driver=$(grep -c 'newfstatat(.*, "driver",' "$TMP/strace")
  note "$1: for a table and a copy, doed takes $(of_each "$clock") readings of the clock that are system calls, $(
    of_each "$driver") looks for a driver, $(of_each "$switches") changes of threads"
}

# ---- each way ----------------------------------------------------------------

# Backend and Completion
way_is() { [[ "$(count Backend) $(count Completion)" == "$1" ]]; }

# with_doed BACKEND-AND-COMPLETION OPTION... -- COMMAND...: COMMAND while doed has nothing else to do
with_doed() {
  local way=$1 options=()
  shift
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  doed_start "${options[@]}"
  check "doed drives the mailbox: $way" wait_for 30 way_is "$way"
  check "it has read what it wanted" wait_for 30 served "$endpoint"
  wait_for 30 served "$switch"
  "${@:2}"
  doed_stop
}

# counted_by_interrupt WAY ACCESSES
counted_by_interrupt() {
  local ended delivered
  ended=$(count InterruptCompletions) delivered=$(vfio_interrupts "$ENDPOINT")
  counted "$@"
  check_equal "$1: each of its exchanges ended by one" $((EXCHANGES * COUNTED_TABLES)) $(($(count InterruptCompletions) - ended))
  check_equal "$1: the kernel delivered as many" $((EXCHANGES * COUNTED_TABLES)) $(($(vfio_interrupts "$ENDPOINT") - delivered))
}

counted_and_told() {
  counted "$@"
  told_beside "$1"
}
counted_by_interrupt_and_told() {
  counted_by_interrupt "$@"
  told_beside "$1"
}

echo '{"interrupts": false}' >"$TMP/poll.json"

# in_each_way COMMAND COMMAND-BY-INTERRUPT: each with WAY ACCESSES
in_each_way() {
  bind_driver "$ENDPOINT" none
  "$1" libpci $LIMIT_ACCESSES
  with_doed "sysfs poll" -- "$1" "doed, sysfs" $POLL_ACCESSES
  bind_driver "$ENDPOINT" vfio-pci
  with_doed "vfio interrupt" -- "$2" "doed, VFIO with interrupts" $INTERRUPT_ACCESSES
  with_doed "vfio poll" --config "$TMP/poll.json" -- "$1" "doed, VFIO by polling" $POLL_ACCESSES
}

# ---- the kernel's table, then the others' ------------------------------------

load_cxl
wait_for 30 kernel_cdat "$ENDPOINT" || abort "the kernel reads the endpoint's CDAT" "no CDAT file"
reference=$TMP/reference.cdat
cat "$(kernel_cdat "$ENDPOINT")" >"$reference"
check_equal "the kernel's CDAT file has 160 bytes" 160 "$(file_size "$reference")"
modprobe vfio-pci || abort "module vfio-pci loads" "modprobe ended with $?"
kernel_remember
bus_start

in_each_way timed timed
# Has the machine below become slower, or faster, meanwhile?
bind_driver "$ENDPOINT" none
timed "libpci again"

# From here on each access is slower: the probes are set off once, for all.
config_probes_set "$ENDPOINT" || abort "the kernel takes probes" "$(tail -n 1 $TRACING/error_log)"
ways_counted=0
in_each_way counted_and_told counted_by_interrupt_and_told
check_equal "each way was counted" 4 $ways_counted
check_equal "doed has not given interrupts up, nor says so" '' "$(grep 'interrupts do not arrive' "$DOED_LOG")"

check_kernel
doed_log
