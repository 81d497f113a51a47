# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # variables the scenarios use
#
# What scenarios with `# vm-guest: systemd` add to lib.sh: doed as its packages install
# it, the users of the machine, and the journal.

readonly SWITCH=0000:0e:00.0 ENDPOINT=0000:0d:00.0
readonly UNITS=(doed.service doed-opener.service) UNIT_DIR=/lib/systemd/system
readonly ACCESS_DENIED=org.freedesktop.DBus.Error.AccessDenied

# ---- the service -------------------------------------------------------------

# packages_install OPTION...: the packages, without a network: all that they depend on is there. apt sees to it that this is so.
packages_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dir::Etc::sourcelist=/dev/null \
    -o APT::Sandbox::User=root install "$@" /vm/build/packages/*.deb
}

main_pid() { systemctl show --property MainPID --value "${1:-doed.service}"; }

# another_process UNIT PID: it has a process, and that is not the one.
another_process() {
  local pid
  pid=$(main_pid "$1")
  [[ -n $pid && $pid != 0 && $pid != "$2" ]]
}

# status_of PID FIELD...: from /proc/PID/status, in one line
status_of() {
  local field
  for field in "${@:2}"; do
    sed -n "s/^$field:[[:space:]]*//p" "/proc/$1/status"
  done | tr -s '\t\n' ' ' | sed 's/ $//'
}

# journal_mark: from here on journal_since counts. An entry of our own, since journalctl --after-cursor leaves one out
# when the entry of the cursor is another unit's.
journal_mark() {
  systemd-cat --identifier vm-mark echo mark
  journalctl --sync
  journal_cursor=$(journalctl -q -t vm-mark -n 1 -o export | sed -n 's/^__CURSOR=//p')
}

# journal_since UNIT: the messages of a unit, by itself and by systemd, since journal_mark
journal_since() {
  journalctl --sync
  journalctl -q -o cat --cursor "$journal_cursor" --unit "$1" "${@:2}"
}

# start_is_refused WHAT REGEX: doed, which is stopped, does not start, and one line says why: its own, its opener's, or
# systemd's about them.
start_is_refused() {
  local lines
  journal_mark
  if systemctl start doed; then
    fail "$1" "it starts"
  elif lines=$(journal_since 'doed*' | grep -iE "$2") && [[ $lines != *$'\n'* ]]; then
    pass "$1: \"$lines\""
  else
    fail "$1" "lines that match '$2': '$lines', of: $(journal_since 'doed*' | tail -n 6)"
  fi
  systemctl stop doed
  systemctl reset-failed doed
}

# start_or_abort: doed runs and has its name, or nothing that follows makes sense.
start_or_abort() {
  if ! systemctl start doed || ! systemctl is-active --quiet doed; then
    journalctl -q -n 30 --unit 'doed*'
    abort "doed starts" "$(journalctl -q -o cat -n 3 --unit doed)"
  fi
}

# ---- its users ---------------------------------------------------------------

# make_users: beside root and nobody, who are there
make_users() {
  systemd-sysusers - <<'END'
u member - "in the group doe"
m member doe
u crowd - "another member, with many connections"
m crowd doe
u reader - "nobody special, but for a rule of polkit"
u stranger - "nobody special"
END
}

# answer USER PATH INTERFACE METHOD [SIGNATURE ARGUMENT...]: what the user gets, or the name of the error
answer() {
  local user=$1 output
  shift
  if output=$(runuser -u "$user" -- env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console \
    busctl --system --timeout=60 call org.doed1 "$1" "org.doed1.$2" "${@:3}" 2>"$TMP/answer.$user"); then
    echo "${output:-done}"
  else
    sed -n 's/^.*Got message type=error .* error-name=\([^ ]*\) .*$/\1/p' "$TMP/answer.$user" | tail -n 1
  fi
}

# table USER PATH: GetTable from the cache
table() { answer "$1" "$2" Cdat GetTable "${NO_OPTIONS[@]}"; }
table_is() { [[ $(table "$1" "$2") == "$3" ]]; }

objects() { busctl --system --list tree org.doed1; }
has_object() { objects | grep -qxF "$1"; }
has_no_object() { name_is_owned && ! has_object "$1"; }
