#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What doed's processes can do as the installed units start them: their privileges, what
# their sandbox forbids and what it lets through (device events, config space, VFIO),
# and that neither of the two processes outlives the other.
# vm-guest: systemd
# vm-timeout: 360
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh
# shellcheck source=tests/vm/guest/service.sh
. /vm/source/tests/vm/guest/service.sh

readonly NO_CAPABILITIES=0000000000000000 SYS_ADMIN=0000000000200000
readonly MODULE=$TMP/dummy.ko
readonly PROBE=(/usr/bin/python3 /vm/source/tests/vm/guest/probe.py "$MODULE")
# Attempts that not only the user's lack of rights is to stop.
readonly WITHOUT_USER='^(create|write|list|open an|load|trace|mount|make|set|have|become a|change|get at)'
# Of a unit's [Service]: what is about its life rather than what it may do.
readonly LIFE='Type|NotifyAccess|BusName|Exec[A-Za-z]*|Restart[A-Za-z]*|Timeout[A-Za-z]*|Watchdog[A-Za-z]*|RuntimeDirectory[A-Za-z]*|Sockets|Standard[A-Za-z]*|FileDescriptor[A-Za-z]*'

switch=$(mailbox_path "$SWITCH" "$(doe_offset "$SWITCH")")
endpoint=$(mailbox_path "$ENDPOINT" "$(doe_offset "$ENDPOINT")")

# Which systemd-run does not know by the name of none.
readonly NO_FAMILIES='~AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET'

# properties UNIT: what it may do, as the unit file says it, for systemd-run
properties() {
  sed -n '/^\[Service\]/,/^\[/p' "$UNIT_DIR/$1" | grep -E '^[A-Z][A-Za-z]*=' | grep -vE "^($LIFE)=" |
    sed -e "s/^RestrictAddressFamilies=none$/RestrictAddressFamilies=$NO_FAMILIES/" -e 's/^/--property=/'
}

# inside UNIT [OPTION...] -- COMMAND...: in the unit's sandbox
inside() {
  local unit=$1 arguments=()
  shift
  mapfile -t arguments < <(properties "$unit")
  systemd-run --quiet --wait --pipe --collect "${arguments[@]}" "$@"
}


# check_probe WHAT FILE REGEX: every attempt that REGEX matches was refused there, and succeeds outside
check_probe() {
  local name result
  while IFS= read -r name; do
    result=$(sed -n "s|^$name: ||p" "$2")
    if [[ -n $result && $result != succeeded ]] && grep -qxF "$name: succeeded" "$TMP/outside"; then
      pass "$1 cannot $name ($result)"
    else
      fail "$1 cannot $name" "there: ${result:-no answer}; outside: $(sed -n "s|^$name: ||p" "$TMP/outside")"
    fi
  done < <(sed 's/: .*//' "$TMP/outside" | grep -E "$3")
}

# ---- privileges --------------------------------------------------------------

kernel_remember
wait_for 30 kernel_cdat "$ENDPOINT" || abort "the kernel reads the endpoint's CDAT" "no CDAT file"
check "the packages install" packages_install
make_users
systemctl enable --now doed
start_or_abort
pid=$(main_pid) user=$(id -u doed)
check_equal "doed's user, real, effective, saved and for files" "$user $user $user $user" "$(status_of "$pid" Uid)"
check_equal "its capabilities: inherited, permitted, effective, bounding, ambient" \
  "$NO_CAPABILITIES $NO_CAPABILITIES $NO_CAPABILITIES $NO_CAPABILITIES $NO_CAPABILITIES" \
  "$(status_of "$pid" CapInh CapPrm CapEff CapBnd CapAmb)"
check_equal "it can get no new ones, and has a filter of system calls" "1 2" "$(status_of "$pid" NoNewPrivs Seccomp)"
check "the opener runs" systemctl is-active --quiet doed-opener
opener=$(main_pid doed-opener.service)
check_equal "the opener is root" "0 0 0 0" "$(status_of "$opener" Uid)"
check_equal "with CAP_SYS_ADMIN: permitted, effective, bounding" "$SYS_ADMIN $SYS_ADMIN $SYS_ADMIN" \
  "$(status_of "$opener" CapPrm CapEff CapBnd)"
check_equal "the opener can get no new privileges, and has a filter" "1 2" "$(status_of "$opener" NoNewPrivs Seccomp)"

# ---- what the sandboxes forbid -----------------------------------------------

cp "/lib/modules/$(uname -r)/kernel/drivers/net/dummy.ko" "$MODULE" || abort "there is a module to load" "no dummy.ko"
"${PROBE[@]}" >"$TMP/outside" 2>&1
check_equal "outside of the sandbox, root can do all of it" '' "$(grep -v ': succeeded$' "$TMP/outside" | xargs)"
inside doed.service -- "${PROBE[@]}" >"$TMP/inside" 2>&1
check_probe "doed" "$TMP/inside" .
# Root in the same sandbox: what is forbidden without the help of the user's few rights.
inside doed.service --property=User=root --property=Group=root -- "${PROBE[@]}" >"$TMP/inside-root" 2>&1
check_probe "root in doed's sandbox" "$TMP/inside-root" "$WITHOUT_USER"
if [[ -e $UNIT_DIR/doed-opener.service ]]; then
  inside doed-opener.service -- "${PROBE[@]}" >"$TMP/inside-opener" 2>&1
  check_probe "the opener" "$TMP/inside-opener" "$WITHOUT_USER"
else
  fail "the opener has a sandbox" "it has no unit"
fi

# ---- what it lets through ----------------------------------------------------

check "doed drives the switch" wait_for 30 property_is "$switch" Mailbox Owner daemon
check "config space can be written and read: Refresh" grep -q '^u ' <<<"$(answer root "$switch" Cdat Refresh "${NO_OPTIONS[@]}")"
check "and the kernel's table be read" grep -q '^ay 160 ' <<<"$(table member "$endpoint")"
before=$(table member "$switch")
echo 1 >"/sys/bus/pci/devices/$SWITCH/remove"
check "device events arrive: the switch's objects vanish when it is removed" wait_for 20 has_no_object "$switch"
echo 1 >/sys/bus/pci/rescan
check "and return when it is found again" wait_for 30 has_object "$switch"
check "it is served as before" wait_for 20 table_is member "$switch" "$before"

reference=$(file_bytes "$(kernel_cdat "$ENDPOINT")")
modprobe vfio-pci
bind_driver "$ENDPOINT" vfio-pci
check "VFIO: the endpoint's backend is vfio" wait_for 30 property_is "$endpoint" Mailbox Backend vfio
check "completion by interrupt" wait_for 30 property_is "$endpoint" Mailbox Completion interrupt
check "it is served" wait_for 30 served "$endpoint"
check_equal "Refresh through VFIO and the table as the kernel had it" "ay 160 $reference" \
  "$(answer root "$endpoint" Cdat GetTable "${REFRESH[@]}")"
check "the interrupts were delivered" test "$(vfio_interrupts "$ENDPOINT")" -gt 0

# ---- together or not at all --------------------------------------------------

pid=$(main_pid)
systemctl kill --signal KILL --kill-whom main doed-opener
check "when the opener is killed, doed ends and is started again" wait_for 20 another_process doed.service "$pid"
check "so is the opener" wait_for 20 another_process doed-opener.service "$opener"
check "the switch is served again" wait_for 30 served "$switch"
check "the endpoint too" wait_for 30 served "$endpoint"
opener=$(main_pid doed-opener.service)
systemctl kill --signal KILL --kill-whom main doed
check "when doed is killed, the opener ends and is started again" wait_for 20 another_process doed-opener.service "$opener"
check "the switch is served again" wait_for 30 served "$switch"
check_equal "the journal tells of nothing else that failed" '' \
  "$(journalctl -q -o cat -p err --unit 'doed*' | grep -vE 'KILL|killed|opener' | head -n 3)"

check_kernel
