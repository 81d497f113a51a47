# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the lanes share: where things are, how a build folder is configured, how its tests are run and counted.
# Sourced by the scripts beside it, which run with -euo pipefail.
# shellcheck disable=SC2034  # not every lane uses everything

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
lanes=$top/tests/lanes
build=$(realpath -m "${DOED_BUILD_DIR:-$top/build}")
cache=${DOED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/doed}
# Debian's Python modules belong to Debian's Python, which need not be the first in PATH.
python=/usr/bin/python3
# Started by hand, a lane has nobody to report to but its reader.
result=${DOED_LANE_RESULT:-/dev/null}

step() {
    printf -- '-- %s\n' "$*"
}

# newest_clang TOOL...: the highest N for which clang++-N and each TOOL-N are installed; nothing when there is none.
newest_clang() {
    local n tool
    for n in $(compgen -c clang++- | sed -n 's/^clang++-\([0-9]\+\)$/\1/p' | sort -rnu); do
        # One at a time: of several, command is content with any.
        for tool in "$@"; do
            command -v "$tool-$n" >/dev/null || continue 2
        done
        echo "$n"
        return
    done
}

# The lane cannot go on: say why; its failure is counted by the exit code.
give_up() {
    printf 'cannot run: %s\n' "$*"
    exit 1
}

# report PASSED FAILED: leaves the lane's counts.
report() {
    printf '%d %d\n' "$1" "$2" >"$result"
}

# configure FOLDER OPTION...: sets a build folder up; anew when this function did it with other options or other tools, and
# on top of what is there when somebody else did.
# Nothing is downloaded: a library that is missing shall be noticed, not replaced. Lanes pass -g1 where nobody is to debug:
# lines are all that reports need, and the rest of the debug information takes a third of the time to compile.
configure() {
    local folder=$1 wish stamp=$1/.doed-configured
    local -a options=(-Dbuildtype=debugoptimized --wrap-mode=nodownload "${@:2}")
    wish="${CXX:-c++} $(${CXX:-c++} -dumpfullversion -dumpversion) $(meson --version) ${CXXFLAGS-} ${options[*]}"
    if [[ -e $stamp && $(<"$stamp") == "$wish" ]]; then
        return
    elif [[ -e $stamp ]]; then
        # All but the other lanes' folders, which may be inside.
        find "$folder" -mindepth 1 -maxdepth 1 ! -name asan ! -name tsan ! -name sim ! -name clang ! -name fuzz \
            ! -name coverage ! -name abi ! -name bench -exec rm -rf {} +
    fi
    if [[ -e $folder/meson-private/coredata.dat ]]; then
        meson setup --reconfigure "${options[@]}" "$folder" "$top"
    else
        meson setup "${options[@]}" "$folder" "$top"
    fi
    printf '%s\n' "$wish" >"$stamp"
}

# compile FOLDER TARGET...: everything without a target.
compile() {
    ninja -C "$@"
}

# run_tests FOLDER WORDS...: runs every test of a build folder, prefixed with WORDS, and prints what failed.
# Leaves the counts in tests_passed and tests_failed. A lane whose programs are slow by nature sets DOED_TIMEOUT_FACTOR,
# which stretches Meson's time limits and is there for the tests to stretch their own. Suites named in the array
# suites_left_out are not run.
suites_left_out=()
run_tests() {
    local folder=$1 counts status=0
    export DOED_TIMEOUT_FACTOR=${DOED_TIMEOUT_FACTOR:-1}
    shift
    # Files of an earlier run would vouch for a test that now dies before it writes its own.
    rm -f "$folder"/*.xml "$folder"/meson-logs/testlog*
    DOED_JUNIT=$folder/integration-junit.xml "$@" \
        meson test -C "$folder" --no-rebuild --print-errorlogs "${suites_left_out[@]/#/--no-suite=}" \
        --timeout-multiplier "$DOED_TIMEOUT_FACTOR" || status=$?
    { counts=$("$python" "$lanes/count" "$folder" "$status" 3>&1 1>&4); } 4>&1
    read -r tests_passed tests_failed <<<"$counts"
}

# show_output FOLDER TEST...: what these tests printed in the last run_tests.
show_output() {
    "$python" - "$@" <<'PYTHON'
import json
import sys

with open(sys.argv[1] + "/meson-logs/testlog.json", encoding="utf-8") as log:
    for line in log:
        test = json.loads(line)
        name = test["name"].rpartition(" / ")[2]
        if name in sys.argv[2:]:
            print(f"{name}:")
            print(test.get("stdout", "").rstrip())
PYTHON
}
