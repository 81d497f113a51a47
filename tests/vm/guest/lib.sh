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

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

# ---- the bus and doed --------------------------------------------------------

# The guest's own system bus, under doed's shipped policy.
bus_start() {
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
  wait_for 60 doed_is_up_or_gone
  if ! doed_is_running || ! name_is_owned; then
    doed_log
    abort "doed $* starts" "no org.doed1 on the bus; last line: $(tail -n 1 "$DOED_LOG")"
  fi
}

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

doed_log() {
  echo "---- doed's log"
  cat "$DOED_LOG"
  echo "----"
}

# An independent witness of doed's hardware accesses: strace, attached to each
# thread of each doed process. Every config access is one pread64 or pwrite64.
trace_start() {
  local pids=()
  mapfile -t pids < <(grep -lx doed /proc/[0-9]*/comm | cut -d / -f 3)
  strace -f -y -e trace=pread64,pwrite64 -o "$TMP/strace" "${pids[@]/#/-p}" >"$TMP/strace.log" 2>&1 &
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

# kernel_cdat BDF: the kernel's CDAT file of the CXL port that belongs to this
# function. Numbers of ports differ between boots, so its uport link decides: it
# ends in BDF (a switch) or in BDF/memN (an endpoint).
kernel_cdat() {
  local port
  for port in /sys/bus/cxl/devices/{endpoint,port}*; do
    if [[ -e $port/CDAT && $(readlink -f "$port/uport")/ =~ /$1/(mem[0-9]+/)?$ ]]; then
      echo "$port/CDAT"
      return
    fi
  done
  return 1
}

driver_of() { basename "$(readlink -f "/sys/bus/pci/devices/$1/driver")"; }

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
