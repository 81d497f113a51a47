#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The installed doed among those who mean it ill: every method of every object with what
# nobody should send, from root and from nobody; packets on the opener's socket that are
# no requests; and a doed that gets stuck, which systemd ends and starts again.
# vm-guest: systemd
# vm-timeout: 420
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh
# shellcheck source=tests/vm/guest/service.sh
. /vm/source/tests/vm/guest/service.sh

readonly SEED=${RANDOM}
readonly FUZZ=(/usr/bin/python3 /vm/source/tests/fuzz/dbus_fuzz.py --seed "$SEED" --calls 1000 --seconds 10 --largest 1
  --patience 60 --ping-ms 2000)
readonly OPENER_FUZZ=(/usr/bin/python3 /vm/source/tests/vm/guest/opener_fuzz.py /run/doed-opener.sock)
readonly STUCK=/usr/libexec/doed-stuck DROP_IN=/etc/systemd/system/doed.service.d/stuck.conf

switch=$(mailbox_path "$SWITCH" "$(doe_offset "$SWITCH")")

kernel_remember
check "the packages install" packages_install
make_users
systemctl enable --now doed
start_or_abort
wait_for 30 served "$switch" || abort "doed drives the switch" "state $(property "$switch" Mailbox State)"
reference=$(table member "$switch")
check "the endpoint is the kernel's" wait_for 30 kernel_cdat "$ENDPOINT"
check "there is a table" grep -q '^ay 64 ' <<<"$reference"

# ---- D-Bus -------------------------------------------------------------------

pid=$(main_pid)
for user in root nobody; do
  options=()
  [[ $user == root ]] || options=(--user "$user")
  check "every method of every object takes no harm from $user (seed $SEED)" "${FUZZ[@]}" "${options[@]}"
  check_equal "doed is the same process after $user" "$pid" "$(main_pid)"
  check_equal "and serves the same table" "$reference" "$(wait_for 20 served "$switch" && table member "$switch")"
done
check_equal "it was not started again" 0 "$(systemctl show --property NRestarts --value doed)"
check_equal "the journal has no errors of it" '' "$(journalctl -q -o cat -p err --unit 'doed*' | head -n 3)"

# ---- the opener's socket -----------------------------------------------------

check_equal "it is for doed alone" "doed 600" "$(stat -c '%U %a' /run/doed-opener.sock)"
check "nobody cannot connect to it" test "$(runuser -u nobody -- "${OPENER_FUZZ[@]}" 1)" = "Permission denied"
systemctl stop doed
check "no packet that is no request yields a descriptor (seed $SEED)" \
  runuser -u doed -- "${OPENER_FUZZ[@]}" "$SEED"
check "nor does a request for what has no mailbox" \
  runuser -u doed -- "${OPENER_FUZZ[@]}" all "$(find /sys/bus/pci/devices -mindepth 1 -printf '%f\n' | grep -vE "^($SWITCH|$ENDPOINT)$" | xargs)"
check "nor does one for what drives the kernel's endpoint" runuser -u doed -- "${OPENER_FUZZ[@]}" drive "$ENDPOINT"
start_or_abort
check "doed is served after all that" wait_for 30 table_is member "$switch" "$reference"

# ---- stuck -------------------------------------------------------------------

# stuck SIGNAL REGEX WHAT: a doed that stops making progress at the signal
stuck() {
  local pid
  pid=$(main_pid)
  journal_mark
  systemctl kill --kill-whom main --signal "$1" doed
  check "$3: systemd ends it and starts it again" wait_for 30 another_process doed.service "$pid"
  check "$3: the journal tells why" grep -qE "$2" <(journal_since doed.service)
  check "$3: it was the watchdog" grep -q 'Watchdog timeout' <(journal_since doed.service)
  check "$3: clients' paths answer as before" wait_for 30 table_is member "$switch" "$reference"
}

install -m 755 /vm/build/tests/integration/doed-stuck "$STUCK"
mkdir -p "$(dirname "$DROP_IN")"
cat >"$DROP_IN" <<END
[Service]
ExecStart=
ExecStart=$STUCK --opener /run/doed-opener.sock
WatchdogSec=6s
END
systemctl daemon-reload
systemctl restart doed
check "a doed that can get stuck serves" wait_for 30 table_is member "$switch" "$reference"
stuck SIGUSR1 'watchdog: the bus loop is stuck' "a stuck bus loop"
wait_for 30 served "$switch"
stuck SIGUSR2 "watchdog: $SWITCH.* is stuck" "a stuck mailbox"
rm "$DROP_IN"
systemctl daemon-reload
systemctl restart doed
pid=$(main_pid)
systemctl kill --kill-whom main --signal SIGUSR1 doed
check "the shipped doed ends of such a signal, and is started again" wait_for 20 another_process doed.service "$pid"
check "and serves" wait_for 30 table_is member "$switch" "$reference"

check_kernel
