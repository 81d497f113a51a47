#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The endpoint is removed and found again a thousand times, as fast as the kernel can, so
# that doed meets it in every state; every 50th time doed is waited for. In the end
# everything is as it was in the beginning: open files, objects, the table, and memory.
# vm-timeout: 300
# shellcheck disable=SC2119
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0
readonly CYCLES=1000 SECONDS_AT_MOST=120 ROUND=50

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
switch_doe=$(doe_offset "$SWITCH") || abort "the switch port has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")
switch=$(mailbox_path "$SWITCH" "$switch_doe")

threads() { find "/proc/$doed_pid/task" -mindepth 1 -maxdepth 1 | wc -l; }
resident_kib() { awk '$1 == "VmRSS:" { print $2 }' "/proc/$doed_pid/status"; }
objects() { busctl tree --list org.doed1 | sort | xargs; }
table() { call_bytes "$endpoint" Cdat GetTable "${REFRESH[@]}"; }
# A device of before the last removal could not be read.
reads() { [[ $(table) == "$table_before" ]]; }

cycle() {
  echo 1 >"/sys/bus/pci/devices/$ENDPOINT/remove"
  echo 1 >"/sys/class/pci_bus/${ENDPOINT%:*}/rescan"
}
# round: cycles, then waits for doed
round() {
  local i
  for ((i = 0; i < ROUND; i++)); do cycle; done
  cycles=$((cycles + ROUND))
  within $LIMIT_MS reads || late+=" $cycles,"
  slowest_table=$(slowest "$slowest_table" "$waited_ms")
  [[ $(objects) == "$objects_before" ]] || late+=" objects at $cycles,"
}

kernel_remember
bus_start
doed_start
for mailbox in "$endpoint" "$switch"; do
  check "${mailbox##*/} becomes idle" wait_for 30 served "$mailbox"
done
objects_before=$(objects) table_before=$(table)
check_equal "the endpoint's table has 160 bytes" 160 "$(wc -w <<<"$table_before")"

# What is allocated once is there after the first round.
cycles=0 late='' slowest_table=0
round
files_before=$(open_files) threads_before=$(threads) memory_before=$(resident_kib)

cycles=0 begin=$(milliseconds)
while ((cycles < CYCLES && $(milliseconds) - begin < SECONDS_AT_MOST * 1000)); do round; done
took=$((($(milliseconds) - begin) / 1000))
memory_after=$(resident_kib)

check "$cycles cycles of removal and rescan in $took s: a thousand, or as many as there is time for" test $cycles -ge 100
check_equal "after every ${ROUND}th the table is read within 3 s ($slowest_table ms), and the objects are the same" '' "$late"
check "no more open files than before ($files_before)" within $LIMIT_MS open_files_at_most "$files_before"
check_equal "as many threads" "$threads_before" "$(threads)"
check_equal "the same objects" "$objects_before" "$(objects)"
check "no more memory to speak of: $memory_before KiB before, $memory_after KiB after" \
  test $((memory_after - memory_before)) -le 2048
check_equal "the same table" "$table_before" "$(table)"
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_kernel
doed_log
