# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # variables the scenarios use
#
# What every scenario starts with: `. /vm/source/tests/vm/guest/lib.sh`.
# Results, bounded waits, the bus, doed's life, and small readers of D-Bus and sysfs.
set -uo pipefail # not -e: one failed check must not hide the next

SCENARIO=$(basename "$0" .sh)
readonly SCENARIO
readonly RESULTS=/dev/ttyS1
readonly DOED=/vm/build/daemon/doed DOECTL=/vm/build/lib/client/doectl
readonly TMP=/run/vm
readonly DOED_LOG=$TMP/doed.log
mkdir -p "$TMP"

# ---- results -----------------------------------------------------------------

# One line each, to the host and to the console log.
pass() { echo "PASS vm/$SCENARIO: $1" | tee "$RESULTS"; }
fail() { echo "FAIL vm/$SCENARIO: $1 (${2//$'\n'/; })" | tee "$RESULTS"; }
# What was measured and is not judged.
note() { echo "NOTE vm/$SCENARIO: $1" | tee "$RESULTS"; }

# Ends the scenario when what follows would make no sense. The failure is reported,
# so the script itself ends well.
abort() {
  fail "$@"
  exit 0
}

# check WHAT COMMAND...: passes if COMMAND succeeds. COMMAND runs in a subshell.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    pass "$what"
  else
    fail "$what" "$* ended with $?: ${output:0:300}"
  fi
}

# check_equal WHAT EXPECTED ACTUAL: long values are shown from where they differ.
check_equal() {
  local at=0 where=''
  if [[ $3 == "$2" ]]; then
    pass "$1"
    return
  fi
  while ((${#2} > 80)) && [[ ${2:at:1} == "${3:at:1}" ]]; do
    where=", from character $((++at)) on"
  done
  fail "$1" "expected '${2:at:80}', got '${3:at:80}'$where"
}

# refused WHAT REGEX COMMAND...: COMMAND has to end by itself, with a failure and
# one line that REGEX (lower case) matches.
refused() {
  local what=$1 regex=$2 output status
  shift 2
  output=$(timeout 20 "$@" 2>&1)
  status=$?
  if ((status != 0 && status < 124)) && [[ $output != *$'\n'* && ${output,,} =~ $regex ]]; then
    pass "$what: \"$output\""
  else
    fail "$what" "exit status $status, output: ${output:0:300}"
  fi
}

# ---- waiting -----------------------------------------------------------------

# wait_for SECONDS COMMAND...: until COMMAND succeeds; false when time is up.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

slowest() { (($2 > $1)) && echo "$2" || echo "$1"; } # of two times

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

# within MILLISECONDS COMMAND...: as wait_for, but to the millisecond; sets waited_ms.
within() {
  local begin=$((${EPOCHREALTIME/./} / 1000)) limit=$1 done=1
  shift
  until "$@" >/dev/null 2>&1 && done=0 || ((${EPOCHREALTIME/./} / 1000 - begin >= limit)); do
    sleep 0.02
  done
  waited_ms=$((${EPOCHREALTIME/./} / 1000 - begin))
  return "$done"
}

# Milliseconds a design limit leaves: whatever happens to a device, 3 s later doed's
# state is the documented one.
readonly LIMIT_MS=3000

# ---- the bus and doed --------------------------------------------------------

# The guest's own system bus, under doed's shipped policy, and the users it speaks of.
bus_start() {
  systemd-sysusers /vm/source/systemd/doed.sysusers || abort "users can be made" "systemd-sysusers ended with $?"
  mkdir -p /run/dbus
  dbus-daemon --config-file=/vm/source/tests/vm/guest/bus.conf --fork --nopidfile ||
    abort "the system bus starts" "dbus-daemon ended with $?"
}

name_is_owned() {
  [[ $(busctl call org.freedesktop.DBus / org.freedesktop.DBus NameHasOwner s org.doed1) == "b true" ]]
}

# doed_start OPTION...: on the hardware of this guest, until it owns its name.
doed_start() {
  "$DOED" --bus system --backend sysfs "$@" >>"$DOED_LOG" 2>&1 &
  doed_pid=$!
  doed_await "$@"
}

# doed_start_traced CALLS OPTION...: the same, traced from its first instruction on.
doed_start_traced() {
  # shellcheck disable=SC2016 # for the shell that becomes doed
  bash -c 'kill -STOP $$; exec "$@"' doed "$DOED" --bus system --backend sysfs "${@:2}" >>"$DOED_LOG" 2>&1 &
  doed_pid=$!
  wait_for 10 doed_is_stopped
  trace_processes "$1" "$doed_pid"
  doed_thaw
  doed_await "${@:2}"
}

doed_await() {
  wait_for 60 doed_is_up_or_gone
  if ! doed_is_running || ! name_is_owned; then
    doed_log
    abort "doed $* starts" "no org.doed1 on the bus; last line: $(tail -n 1 "$DOED_LOG")"
  fi
}

# doed's open files but for those that it has for the moment of an access: the fewest of ten looks.
open_files() {
  local i count fewest=''
  for ((i = 0; i < 10; i++)); do
    count=$(find "/proc/$doed_pid/fd" -mindepth 1 | wc -l)
    [[ -n $fewest ]] && ((fewest <= count)) || fewest=$count
  done
  echo "$fewest"
}
# open_files_at_most COUNT: for within; those of work in hand are closed by then, those of a leak are not.
open_files_at_most() { (($(open_files) <= $1)); }
doed_is_running() { kill -0 "$doed_pid" 2>/dev/null; }
doed_is_up_or_gone() { name_is_owned || ! doed_is_running; }

# Sends SIGTERM and sets doed_status and doed_stop_ms; kills doed after 10 s.
doed_stop() {
  local begin guard
  begin=$(milliseconds)
  kill -TERM "$doed_pid"
  (sleep 10 && kill -KILL "$doed_pid") &
  guard=$!
  wait "$doed_pid"
  doed_status=$?
  doed_stop_ms=$(($(milliseconds) - begin))
  kill "$guard" && wait "$guard"
} 2>/dev/null

# Kills doed as a crash would.
doed_kill() {
  kill -KILL "$doed_pid"
  wait "$doed_pid"
} 2>/dev/null

# freeze_in_exchange BDF OFFSET: stops doed while the mailbox holds an answer that has
# not been read to its end. A client has to keep it busy. This is also how exchanges
# become slow: QEMU's devices answer while GO is being written.
freeze_in_exchange() {
  local tries
  for ((tries = 0; tries < 40; tries++)); do
    # A table that is slow to read makes the first way enough; else the stop has to come
    # right after one of the reads that an exchange consists of.
    if ((tries < 3)); then kill -STOP "$doed_pid"; else stop_at_read $((RANDOM % 40 + 5)); fi
    wait_for 5 doed_is_stopped
    ! doe_ready "$1" "$2" || return 0
    doed_thaw
  done
  fail "doed can be stopped in the middle of an exchange" "not in $tries tries"
  return 1
}

# stop_at_read N: stops doed at the Nth config read of one of its threads.
stop_at_read() {
  local stopper
  strace -f -qq -o /dev/null -p "$doed_pid" -e trace=pread64 -e inject=pread64:signal=STOP:when="$1" 2>/dev/null &
  stopper=$!
  wait_for 5 doed_is_stopped
  kill -INT "$stopper" 2>/dev/null # lets go of doed, which stays stopped
  wait "$stopper"
} 2>/dev/null

doed_is_stopped() { ! cat "/proc/$doed_pid/task"/*/status | grep '^State:' | grep -qv 'T (stopped)'; }
doed_thaw() { kill -CONT "$doed_pid"; }

doed_log() {
  echo "---- doed's log"
  cat "$DOED_LOG"
  echo "----"
}

# An independent witness of doed's hardware accesses: strace, attached to each
# thread of each doed and doed-opener process. Every config access is one of CONFIG_CALLS;
# whatever else could reach a device is in DEVICE_CALLS.
readonly CONFIG_CALLS=pread64,pwrite64
readonly DEVICE_CALLS=$CONFIG_CALLS,read,write,readv,writev,preadv,pwritev,preadv2,pwritev2,open,openat,ioctl,mmap

# trace_start CALLS
trace_start() {
  local pids=()
  mapfile -t pids < <(grep -lxE 'doed|doed-opener' /proc/[0-9]*/comm | cut -d / -f 3)
  trace_processes "$1" "${pids[@]}"
}

# trace_processes CALLS PID...
trace_processes() {
  local pids=("${@:2}")
  strace -f -y -ttt -e trace="$1" -o "$TMP/strace" "${pids[@]/#/-p}" >"$TMP/strace.log" 2>&1 &
  tracer_pid=$!
  wait_for 20 all_traced "${pids[@]}" || fail "strace attaches to doed" "$(tail -n 1 "$TMP/strace.log")"
}

all_traced() {
  local pid
  for pid; do
    ! cat "/proc/$pid/task"/*/status | grep '^TracerPid:' | grep -qvw "$tracer_pid" || return 1
  done
}

trace_stop() {
  kill -INT "$tracer_pid"
  wait "$tracer_pid"
} 2>/dev/null

# traced_accesses BDF: config accesses between trace_start and trace_stop. -y shows
# what a file number stands for; the second half of an interrupted line has none.
traced_accesses() { grep -cE "p(read|write)64\([0-9]+<[^>]*/$1/config>" "$TMP/strace"; }

# traced_between BDF BEGIN END: everything the traced calls did, between two times in
# seconds, to the device's config file or to a VFIO device.
traced_between() {
  awk -v file="/$1/config" -v begin="$2" -v end="$3" '
    $2 >= begin && $2 <= end && (index($0, file) || index($0, "vfio")) { count++ }
    END { print count + 0 }' "$TMP/strace"
}

# traced_registers BDF OFFSET: accesses to the mailbox behind the DOE capability at that offset, from its Control to its
# Read Data Mailbox register. The second half of a line that was interrupted names no file: it belongs to its thread's first.
traced_registers() {
  awk -v file="/$1/config>" -v first="$((0x$2 + 0x8))" -v end="$((0x$2 + 0x18))" '
    /<unfinished/ { interrupted[$1] = index($0, file); next }
    (index($0, file) || /resumed>/ && interrupted[$1]) && match($0, /, [0-9]+\) += /) {
      at = substr($0, RSTART + 2) + 0
      if (at >= first && at < end) count++
    }
    END { print count + 0 }' "$TMP/strace"
}

# traced_writes BDF: writes to the device's config file, and whatever was done about VFIO.
traced_writes() { grep -cE "write[^(]*\([0-9]+<[^>]*/$1/config>|/dev/(vfio|iommu)" "$TMP/strace"; }

# ---- a client that never stops -----------------------------------------------

readonly CLIENT_LOG=$TMP/client.log

# client_start [PATH...]: client.py, reading the tables of these mailboxes from the
# devices without a pause
client_start() {
  : >"$CLIENT_LOG"
  /usr/bin/python3 /vm/source/tests/vm/guest/client.py "$CLIENT_LOG" "$@" &
  client_pid=$!
  wait_for 30 grep -q ready "$CLIENT_LOG" || fail "the client starts" "see the console log"
}

client_stop() {
  kill -TERM "$client_pid"
  wait "$client_pid"
} 2>/dev/null

# event_after MS KIND PATH [DETAIL]: prints the time of the first such event.
event_after() {
  awk -v since="$1" -v kind="$2" -v path="$3" -v detail="${4-}" '
    $1 >= since && $2 == kind && $3 == path && (detail == "" || $4 == detail) { print $1; found = 1; exit }
    END { exit !found }' "$CLIENT_LOG"
}

# served_after MS PATH: the client's next table came within LIMIT_MS of that time.
# Sets served_ms to the delay, or to "never".
served_after() {
  local at
  wait_for 8 event_after "$1" table "$2"
  at=$(event_after "$1" table "$2") || at=
  served_ms=${at:+$((at - $1))}
  served_ms=${served_ms:-never}
  [[ $served_ms != never ]] && ((served_ms <= LIMIT_MS))
}

# check_served MS PATH WHAT
check_served() {
  if served_after "$1" "$2"; then
    pass "$3 within 3 s ($served_ms ms)"
  else
    fail "$3 within 3 s" "after $served_ms ms"
  fi
}

# client_tables PATH: how many different tables it got
client_tables() { awk -v path="$1" '$2 == "table" && $3 == path { print $4 }' "$CLIENT_LOG" | sort -u | wc -l; }

# client_errors REGEX: the names of the errors it got that do not match
client_errors() { awk '$2 == "error" { print $4 }' "$CLIENT_LOG" | grep -vxE "$1" | sort | uniq -c | xargs; }

# ---- D-Bus -------------------------------------------------------------------

readonly NO_OPTIONS=('a{sv}' 0)
readonly REFRESH=('a{sv}' 1 refresh b true)

# mailbox_path BDF OFFSET: mailbox_path 0000:0d:00.0 190
mailbox_path() {
  local device=${1//[:.]/_}
  echo "/org/doed1/device/$device/mailbox_$2"
}

# call PATH INTERFACE METHOD [SIGNATURE ARGUMENT...]
call() { busctl --timeout=60 call org.doed1 "$1" "org.doed1.$2" "${@:3}"; }

# call_bytes: as call, but the numbers of an `ay` answer alone
call_bytes() { call "$@" | sed -n 's/^ay [0-9]* //p'; }

# call_error: as call, but the name of the error it ends with
call_error() {
  SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console call "$@" 2>&1 |
    sed -n 's/^.*Got message type=error .* error-name=\([^ ]*\) .*$/\1/p' | tail -n 1
}

# property PATH INTERFACE NAME: the value without its type, strings without quotes
property() {
  busctl get-property org.doed1 "$1" "org.doed1.$2" "$3" |
    sed -e 's/^[^ ]* //' -e 's/^"\(.*\)"$/\1/'
}

property_is() { [[ $(property "$1" "$2" "$3") == "$4" ]]; }

# features PATH: the Features as VENDOR:TYPE, sorted, in one line
features() {
  local vendor type
  busctl --json=short get-property org.doed1 "$1" org.doed1.Mailbox Features |
    jq -r '.data[] | "\(.[0]) \(.[1])"' |
    while read -r vendor type; do printf '%04x:%02x\n' "$vendor" "$type"; done | sort | xargs
}

# served PATH: its mailbox is ready for the next request
served() { property_is "$1" Mailbox State idle; }

# ---- files and hardware ------------------------------------------------------

# The bytes of a file as decimal numbers in one line, as busctl prints them.
file_bytes() { od -An -v -tu1 "$1" | tr -s '\n ' ' ' | sed -e 's/^ //' -e 's/ $//'; }

file_size() { wc -c <"$1"; }

# config_dword BDF OFFSET
config_dword() {
  local value
  value=$(od -An -tu4 -j "$2" -N 4 "/sys/bus/pci/devices/$1/config") && echo $((value))
}

# doe_offset BDF: the first DOE capability (extended capability 0x2e), in hex.
doe_offset() {
  local offset=$((0x100)) header steps
  for ((steps = 0; steps < 64 && offset >= 0x100; steps++)); do
    header=$(config_dword "$1" $offset) || return 1
    if (((header & 0xffff) == 0x2e)); then
      printf '%x\n' $offset
      return
    fi
    offset=$((header >> 20 & 0xffc))
  done
  return 1
}

# cxl_port BDF: the kernel's CXL port that belongs to this function. Numbers of ports
# differ between boots, so its uport link decides: it ends in BDF (a switch) or in
# BDF/memN (an endpoint).
cxl_port() {
  local port
  for port in /sys/bus/cxl/devices/{endpoint,port}*; do
    if [[ $(readlink -f "$port/uport")/ =~ /$1/(mem[0-9]+/)?$ ]]; then
      echo "$port"
      return
    fi
  done
  return 1
}

# kernel_cdat BDF: the kernel's CDAT file of that port, if there is one
kernel_cdat() {
  local port
  port=$(cxl_port "$1") && [[ -e $port/CDAT ]] && echo "$port/CDAT"
}

# driver_of BDF: its driver's name, or "none"
driver_of() {
  local link=/sys/bus/pci/devices/$1/driver
  [[ -e $link ]] && basename "$(readlink "$link")" || echo none
}

on_off() { (($1)) && echo on || echo off; }

# bus_master BDF: on or off, from the Command register
bus_master() { on_off $(($(config_dword "$1" 4) & 0x4)); }

# doe_interrupt BDF OFFSET: on or off, Interrupt Enable in the DOE Control register
doe_interrupt() { on_off $(($(config_dword "$1" $((0x$2 + 0x8))) & 0x2)); }

# doe_ready BDF OFFSET: an object, or a part of one, waits to be read (DOE Status)
doe_ready() { (($(config_dword "$1" $((0x$2 + 0xc))) & 0x80000000)); }

# bind_driver BDF DRIVER: instead of the one that is bound, or "none"; sets unbind_ms.
bind_driver() {
  local device=/sys/bus/pci/devices/$1 begin
  begin=$(milliseconds)
  [[ ! -e $device/driver ]] || echo "$1" >"$device/driver/unbind"
  unbind_ms=$(($(milliseconds) - begin))
  echo "$2" >"$device/driver_override"
  echo "$1" >/sys/bus/pci/drivers_probe
  [[ $(driver_of "$1") == "$2" ]] || abort "$2 binds to $1" "$(dmesg | tail -n 1)"
}

# vfio_group BDF: /dev/vfio/N
vfio_group() { echo "/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")")"; }

# vfio_interrupts BDF: how many interrupts the kernel has delivered to the eventfd of
# the device's MSI-X vector 0; nothing when it is not set up
vfio_interrupts() {
  awk -v name="vfio-msix[0]($1)" '
    index($0, name) { for (i = 2; $i ~ /^[0-9]+$/; i++) count += $i; print count }' /proc/interrupts
}

# load_cxl: the kernel's own users of DOE mailboxes
load_cxl() {
  local module
  for module in cxl_acpi cxl_pci cxl_mem cxl_pmem; do
    modprobe "$module" || abort "module $module loads" "modprobe ended with $?"
  done
}

# ---- what the kernel thinks of it --------------------------------------------

# kernel_remember: how it is before doed comes
kernel_remember() {
  tainted_before=$(cat /proc/sys/kernel/tainted)
  dmesg_lines=$(dmesg | wc -l)
}

kernel_complaints() {
  dmesg | tail -n +$((dmesg_lines + 1)) |
    grep -E 'WARNING|BUG|Oops|Call Trace|segfault|Unexpected write|DOE|blocked|hung'
}

check_kernel() {
  check_equal "the kernel is as tainted as before" "$tainted_before" "$(cat /proc/sys/kernel/tainted)"
  check_equal "the kernel has not complained" '' "$(kernel_complaints)"
}

# ---- the machine from inside -------------------------------------------------

# qmp COMMAND [ARGUMENTS-JSON]: asks the QEMU this guest runs in, e.g.
#   qmp device_del '{"id": "cxl-pmem0"}'
# and prints its answer; events that come meanwhile go to the console log.
qmp() {
  local line command=$1 arguments=${2:-'{}'}
  if [[ -z ${qmp_fd-} ]]; then
    qmp_open && qmp qmp_capabilities >/dev/null || return 1
  fi
  printf '{"execute": "%s", "arguments": %s}\n' "$command" "$arguments" >&"$qmp_fd"
  while IFS= read -r -t 20 -u "$qmp_fd" line; do
    case $line in
      '{"return":'*) echo "$line" && return 0 ;;
      '{"error":'*) echo "$line" && return 1 ;;
      *) echo "qmp: $line" >&2 ;;
    esac
  done
  return 1
}

# The virtio port whose far end is QEMU's monitor; it can be opened once.
qmp_open() {
  local name
  modprobe virtio_console && wait_for 10 grep -qx qmp /sys/class/virtio-ports/*/name || return 1
  name=$(grep -lx qmp /sys/class/virtio-ports/*/name)
  exec {qmp_fd}<>"/dev/$(basename "$(dirname "$name")")"
}
