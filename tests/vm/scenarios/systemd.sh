#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# doed as its packages install it, on a real systemd, system bus and polkit: who may do
# what, with polkit and without; a user with many connections; denials in the journal;
# restarts; the bus name; what an administrator reads when something is amiss; and what
# a purge leaves. The endpoint is the kernel's, whose drivers udev has loaded; the
# switch's upstream port is doed's.
# vm-guest: systemd
# vm-timeout: 480
# vm-table: slow.cdat 1000
# vm-qemu: -set device.us0.cdat=slow.cdat
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh
# shellcheck source=tests/vm/guest/service.sh
. /vm/source/tests/vm/guest/service.sh

readonly DENIAL=4bc662ad7ac149d4801d7234e597023c
readonly LOAD=(/usr/bin/python3 /vm/source/tests/vm/guest/load.py)
readonly RULES=/etc/polkit-1/rules.d/50-doed.rules CONFIG=/etc/doed/doed.json
# Latency of others beside a crowd: emulation is slow, and the bus daemon has the crowd's messages to carry as well.
readonly CROWD_CONNECTIONS=40 CROWD_CALLS=2 READS=100

switch=$(mailbox_path "$SWITCH" "$(doe_offset "$SWITCH")")
endpoint=$(mailbox_path "$ENDPOINT" "$(doe_offset "$ENDPOINT")")

# exposure UNIT: how much, of 10, systemd finds open
exposure() {
  systemd-analyze security --no-pager --offline=yes "$UNIT_DIR/$1" | sed -n 's/^.*exposure level for [^:]*: \([0-9.]*\) .*$/\1/p'
}

# own USER: asks the bus for doed's name; 4 stands for not waiting until it is free
own() { runuser -u "$1" -- busctl call org.freedesktop.DBus / org.freedesktop.DBus RequestName su org.doed1 4 2>&1; }

# files: what packages may leave behind, but for what belongs to others or to the package manager
files() {
  {
    find /etc /usr /var /boot /opt /srv -xdev \( -path /var/log -o -path /var/cache -o -path /var/tmp -o -path /var/lib/apt \
      -o -path /var/lib/dpkg -o -path /var/lib/systemd \) -prune -o ! -name '*-' ! -name '*.pyc' ! -name __pycache__ -print
    find /run /var/lib/dpkg/info /var/lib/systemd -name '*doe[cd]*'
  } | sort
}

# ---- installed, not started; then enabled ------------------------------------

kernel_remember
check "udev has the kernel's CXL drivers loaded, which have the endpoint's table" wait_for 30 kernel_cdat "$ENDPOINT"
files >"$TMP/files.before"
check "the packages install without a network" packages_install
make_users
check_equal "installing starts nothing" inactive "$(systemctl is-active doed)"
check_equal "nor does it enable anything" disabled "$(systemctl is-enabled doed)"
check_equal "the journal's catalog knows doed" "$DENIAL" "$(journalctl --list-catalog "$DENIAL" | cut -d ' ' -f 1)"
check_equal "the user doed cannot log in" /usr/sbin/nologin "$(getent passwd doed | cut -d : -f 7)"
check "systemctl enable --now doed" systemctl enable --now doed
start_or_abort
check_equal "READY was told: the unit is active" active "$(systemctl is-active doed)"
check "the name is owned" name_is_owned
for path in "$switch" "$endpoint"; do
  check "busctl tree shows ${path#/org/doed1/device/}" has_object "$path"
done
for unit in "${UNITS[@]}"; do
  score=$(exposure "$unit")
  check "systemd-analyze security gives $unit 1.5 at most: ${score:-nothing}" \
    awk -v score="$score" 'BEGIN { exit !(score != "" && score + 0 <= 1.5) }'
done

# ---- who may do what ---------------------------------------------------------

check "the switch is doed's" wait_for 30 property_is "$switch" Mailbox Owner daemon
check "the endpoint is the kernel's" wait_for 30 property_is "$endpoint" Mailbox Owner kernel
check "doectl list works for nobody" runuser -u nobody -- doectl list
reference=$(table root "$switch")
kernel_table=$(file_bytes "$(kernel_cdat "$ENDPOINT")")
check "root gets the switch's table" grep -qE '^ay 8[0-9]{3} ' <<<"$reference"
check_equal "a member of doe gets the same bytes" "$reference" "$(table member "$switch")"
check_equal "nobody is denied it" "$ACCESS_DENIED" "$(table nobody "$switch")"
check_equal "root gets the endpoint's table, the kernel's" "ay 160 $kernel_table" "$(table root "$endpoint")"
check_equal "so does a member" "ay 160 $kernel_table" "$(table member "$endpoint")"
for user in member nobody; do
  for method in Reset Release; do
    check_equal "$method by $user is denied" "$ACCESS_DENIED" "$(answer "$user" "$switch" Mailbox "$method" "${NO_OPTIONS[@]}")"
  done
done
check_equal "root may Reset" "done" "$(answer root "$switch" Mailbox Reset "${NO_OPTIONS[@]}")"
check "root may have it lent" grep -q '^h ' <<<"$(answer root "$switch" Mailbox Release "${NO_OPTIONS[@]}")"
check "it comes back when the borrower has gone" within $LIMIT_MS served "$switch"
for user in root nobody; do
  check "$user may not own the name, which is for the user doed" grep -qx 'Call failed: Access denied' <<<"$(own "$user")"
done

journalctl --sync
journalctl -q -x MESSAGE_ID="$DENIAL" _PID="$(main_pid)" >"$TMP/denial"
check "the denial is in the journal with its message id" grep -q "is denied to user $(id -u nobody)" "$TMP/denial"
check "and is explained by the catalog" grep -q 'Subject: A call to doed was denied' "$TMP/denial"
check "with what was called" grep -qE 'called .*org\.doed1\.(Cdat|Mailbox)\.[A-Z][a-zA-Z]+ of' "$TMP/denial"
check_equal "no variable is left in the explanation" '' "$(grep -o '@DOED[A-Z_]*@' "$TMP/denial")"

# ---- followed ----------------------------------------------------------------

runuser -u nobody -- doectl monitor --json >"$TMP/monitor" 2>"$TMP/monitor.log" &
monitor_pid=$!
# told FILTER [COUNT]: the monitor has printed COUNT events, or one, that jq's FILTER holds for.
told() { (($(jq -c "select($1)" "$TMP/monitor" | wc -l) >= ${2:-1})); }
of_switch=".device == \"$SWITCH\""
check "nobody may follow what happens" wait_for 20 told ".event == \"present\" and $of_switch"
check "doectl reset by root" doectl reset "$SWITCH"
check "nobody is told that the mailbox was claimed anew" wait_for 20 told ".event == \"state\" and $of_switch and .to == \"starting\""
systemctl stop doed
check "and that doed has gone" wait_for 20 told '.event == "daemon-gone"'
check_equal "whom waiting for it does not start" inactive "$(systemctl is-active doed)"
start_or_abort
check "and that it is back" wait_for 20 told '.event == "daemon-restarted"'
check "with what is there now" wait_for 20 told ".event == \"present\" and $of_switch" 2
echo 1 >"/sys/bus/pci/devices/$ENDPOINT/remove"
check "a device that goes is told" wait_for 20 told ".event == \"device-removed\" and .device == \"$ENDPOINT\""
echo 1 >/sys/bus/pci/rescan
check "and one that comes" wait_for 20 told ".event == \"device-added\" and .device == \"$ENDPOINT\""
check "and the kernel's taking it" wait_for 30 property_is "$endpoint" Mailbox Owner kernel
check "busctl gets a socket of events" grep -q '^h ' <<<"$(answer nobody /org/doed1 Manager Subscribe "${NO_OPTIONS[@]}")"
pkill -TERM -u nobody -x doectl
wait "$monitor_pid"
check_equal "TERM ends the monitor well" 0 $?
check_equal "which had nothing to complain of" '' "$(cat "$TMP/monitor.log")"
check "the package's example makes a line of each table" \
  grep -q "$SWITCH" <<<"$(runuser -u member -- sh /usr/share/doc/doed/examples/tables.sh 2>&1)"
check "doectl stats prints metrics" grep -q '^doed_mailbox_info{device="'"$SWITCH"'"' <<<"$(runuser -u nobody -- doectl stats --textfile)"

# ---- polkit ------------------------------------------------------------------

check_equal "without a rule reader is denied the table" "$ACCESS_DENIED" "$(table reader "$switch")"
sed 's/subject.isInGroup("storage")/subject.user === "reader"/' /usr/share/doc/doed/org.doed1.rules.example >"$RULES"
check "the example, edited, is a rule for a user" grep -q 'subject.user === "reader"' "$RULES"
check "by which reader gets the table" wait_for 10 table_is reader "$switch" "$reference"
check_equal "but is denied a Reset" "$ACCESS_DENIED" "$(answer reader "$switch" Mailbox Reset "${NO_OPTIONS[@]}")"
check_equal "and nobody is denied both" "$ACCESS_DENIED" "$(table nobody "$switch")"

pid=$(main_pid)
systemctl mask --now polkit 2>/dev/null
check_equal "polkit is stopped" inactive "$(systemctl is-active polkit)"
for user in nobody reader; do
  check_equal "without polkit $user is denied the table" "$ACCESS_DENIED" "$(table "$user" "$switch")"
done
check "who is told why" grep -qi polkit "$TMP/answer.nobody"
journal_mark
table stranger "$switch" >/dev/null
check_equal "so does the journal, in one line" 1 "$(journal_since doed.service | grep -cE 'denied to user .*polkit')"
check_equal "a member is served" "$reference" "$(table member "$switch")"
check_equal "root may still Reset" "done" "$(answer root "$switch" Mailbox Reset "${NO_OPTIONS[@]}")"
systemctl unmask polkit 2>/dev/null
check "when polkit is back, reader is served again" wait_for 30 table_is reader "$switch" "$reference"
check_equal "doed has not minded" "$pid" "$(main_pid)"

# ---- a crowd -----------------------------------------------------------------

latency() { runuser -u member -- "${LOAD[@]}" latency $READS "$switch"; }
read -r median before < <(latency)
runuser -u crowd -- "${LOAD[@]}" crowd $CROWD_CONNECTIONS $CROWD_CALLS "$switch" \
  >"$TMP/crowd" &
crowd_pid=$!
check "a user opens $CROWD_CONNECTIONS connections with $CROWD_CALLS calls pending on each" wait_for 60 grep -q ready "$TMP/crowd"
read -r crowded during < <(latency)
pkill -TERM -u crowd -f load.py
wait "$crowd_pid"
sed 's/^/crowd: /' "$TMP/crowd"
check "it is told LimitsExceeded" grep -qE '^org\.doed1\.Error\.LimitsExceeded [0-9]+$' "$TMP/crowd"
check "and still served" grep -qE '^answered [1-9][0-9]*$' "$TMP/crowd"
check "nothing else happens to it" test "$(grep -cvE '^(ready|answered|org\.doed1\.Error\.LimitsExceeded)' "$TMP/crowd")" = 0
check "another user's calls: median $median us, then $crowded us; 99 % within $before us, then $during us, of $((before * 10 + 100000))" \
  test "$during" -le $((before * 10 + 100000))
check "doed has not ended" test "$(main_pid)" = "$pid"

# ---- restarts ----------------------------------------------------------------

objects >"$TMP/objects"
check "systemctl restart" systemctl restart doed
check "clients' paths answer again within 5 s" within 5000 table_is member "$switch" "$reference"
check "they are the same" diff "$TMP/objects" <(objects)
pid=$(main_pid)
systemctl kill --signal KILL --kill-whom main doed
check "killed, it is started again" wait_for 20 another_process doed.service "$pid"
check "and serves" wait_for 20 table_is member "$switch" "$reference"
check_equal "by systemd" 1 "$(systemctl show --property NRestarts --value doed)"

pid=$(main_pid)
check "the packages can be installed again while doed runs" packages_install --reinstall
check "which starts it again" wait_for 20 another_process doed.service "$pid"
check "on the same paths" wait_for 20 table_is member "$switch" "$reference"

# ---- started by clients and devices, where it is enabled ---------------------

systemctl stop doed
check "stopped, it is started by a client's call" wait_for 20 table_is member "$switch" "$reference"
check_equal "and is active then" active "$(systemctl is-active doed)"
systemctl stop doed
echo 1 >"/sys/bus/pci/devices/$ENDPOINT/remove"
echo 1 >/sys/bus/pci/rescan
check "by a CXL memory device that appears, too" wait_for 30 systemctl is-active --quiet doed
systemctl disable --now doed 2>/dev/null
table member "$switch" >/dev/null
check_equal "disabled, no call starts it" inactive "$(systemctl is-active doed)"
echo 1 >"/sys/bus/pci/devices/$ENDPOINT/remove"
echo 1 >/sys/bus/pci/rescan
udevadm settle
check_equal "and no device" inactive "$(systemctl is-active doed)"
systemctl enable --now doed 2>/dev/null
check "enabled again, it serves" wait_for 20 table_is member "$switch" "$reference"

# ---- what is amiss is said in one line ---------------------------------------

systemctl stop doed
check "stopped, it leaves its runtime directory, with the lock" test -e /run/doed/lock

mkdir -p /etc/doed
(umask 077 && echo '{}' >"$CONFIG")
start_is_refused "a configuration that doed may not read" "^doed: .*$CONFIG.*(denied|permission)"
chmod 644 "$CONFIG" && chmod 700 "${CONFIG%/*}"
start_is_refused "a configuration in a folder that doed may not enter" "^doed: .*$CONFIG.*(denied|permission)"
chmod 755 "${CONFIG%/*}"
echo '{"log_level": "loud"}' >"$CONFIG" && chmod 644 "$CONFIG"
start_is_refused "a configuration that is wrong" "^doed: .*$CONFIG"
rm "$CONFIG"

rm -rf /run/doed
install -d -o doed -g doed /run/doed
(umask 077 && : >/run/doed/lock)
start_is_refused "a lock that root has left" "^doed: .*/run/doed/lock.*(denied|permission)"
rm -f /run/doed/lock

runuser -u doed -- "${LOAD[@]}" own org.doed1 >"$TMP/owner" &
check "the user doed can own the name" wait_for 20 grep -q ready "$TMP/owner"
start_is_refused "a name that another program owns" "^doed: .*org\.doed1"
pkill -TERM -u doed -f load.py

groupdel doe
journal_mark
systemctl start doed
check_equal "without the group doe one line says what makes it" 1 \
  "$(journal_since doed.service | grep -cE 'no group doe .*(systemd-sysusers|groupadd)')"
check_equal "and root is served" "$reference" "$(wait_for 20 served "$switch" && table root "$switch")"
check_equal "a former member is denied the table" "$ACCESS_DENIED" "$(table member "$switch")"
systemctl stop doed
cp /etc/passwd /etc/shadow "$TMP"
userdel doed
start_is_refused "without the user doed" "status=217/USER"
cp "$TMP/passwd" /etc/passwd && cp "$TMP/shadow" /etc/shadow
systemd-sysusers
make_users
start_or_abort
check "with user and group doed serves members again" wait_for 20 table_is member "$switch" "$reference"

# ---- purged ------------------------------------------------------------------

rm -f "$RULES"
mkdir -p /etc/doed && echo '{}' >"$CONFIG"
check "the packages can be purged while doed runs" dpkg --purge doed doectl libdoed0 libdoed-dev
check_equal "which ends it" '' "$(pgrep -x 'doed|doed-opener')"
files >"$TMP/files.after"
check_equal "nothing is left behind" '' "$(comm -13 "$TMP/files.before" "$TMP/files.after" | xargs)"
check_equal "nothing is missing" '' "$(comm -23 "$TMP/files.before" "$TMP/files.after" | xargs)"
check_equal "the journal's catalog has forgotten doed" '' "$(journalctl --list-catalog "$DENIAL" 2>/dev/null)"
check_equal "the user and the group stay, as is the custom" "doed doe" \
  "$(getent passwd doed | cut -d : -f 1) $(getent group doe | cut -d : -f 1)"
check "nothing failed but what was meant to" test "$(systemctl --failed --plain --no-legend | grep -c doe)" = 0

check_kernel
