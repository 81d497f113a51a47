#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes of the lines that the benchmarks printed: the table, the section of docs/performance.md between its markers, and the
plot. Ends with `bench: N passed, M failed`, of the budgets that are checked.

usage: report.py LINES ENGINE BUILD_TYPE [--write]
LINES are those of all benchmarks but bench-exchange; ENGINE is what Google Benchmark wrote for that, as JSON.
--write: docs/performance.md and docs/performance/latency.{svg,png} too
"""

import datetime
import json
import pathlib
import platform
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/performance.md"
PLOTS = TOP / "docs/performance"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

PEERS = ["Linux, 4 ms", "Linux, 7 ms", "spdm-utils", "tee-io-validator"]
POLICIES = ["doed", *PEERS, "limit"]
ASLEEP = "limit, asleep"
TIMES_US = [50, 200, 1000, 5000, 20000, 100000]
# No multiples of 4 ms, the times of Linux' looks.
UNEVEN_TIMES_US = [3000, 18000, 93000]
SHAPES = ["fixed", "jittered", "bimodal"]
# Of all responses, so many have to be seen within the budget.
IN_BUDGET = 0.9
# Many mailboxes are judged by what the processors allow: by the limit's share, for devices that take so long at least. Of faster
# ones the limit sees little more than whoever is asked first.
MANY, MANY_FROM_US, OF_LIMIT = 64, 5000, 0.9
WAITING = 0.03


def find(lines, **wanted):
    for line in lines:
        if all(line.get(key) == value for key, value in wanted.items()):
            return line
    raise SystemExit(f"report.py: no line has {wanted}")


def time_text(us):
    if us >= 995_000:
        return f"{us / 1_000_000:.1f} s"
    if us >= 9_950:
        return f"{us / 1000:.0f} ms"
    return f"{us / 1000:.1f} ms" if us >= 995 else f"{us:.0f} us"


def response_text(us):
    """Of a device, whose time is a round one."""
    return f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} us"


def share_text(share):
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def size_text(size_bytes):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.3g} {name}"
    return f"{size_bytes:.0f} B"


class Table:
    def __init__(self, *head):
        self.rows = [head]

    def add(self, *cells):
        self.rows.append(cells)

    def markdown(self):
        lines = ["| " + " | ".join(row) + " |" for row in self.rows]
        lines.insert(1, "|" + "---|" * len(self.rows[0]))
        return "\n".join(lines)

    def plain(self):
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in self.rows)


class Budgets:
    """The table of budgets; a row with met=None is told and not checked."""

    def __init__(self):
        self.table = Table("What", "Budget", "doed", "", "Limit", "Others")
        self.passed = self.failed = 0

    def add(self, what, budget, measured, met, limit="", others=""):
        verdict = {True: "met", False: "**missed**", None: ""}[met]
        self._add(what, budget, measured, met, verdict, limit, others)

    def add_times(self, what, budget, measured, met, limit="", others=""):
        """A row of several response times: `met` is {time in us: whether it was}. Missed at one of them is missed."""
        verdict = "met" if all(met.values()) else f"**missed**, {where_met(met)}"
        self._add(what, budget, measured, all(met.values()), verdict, limit, others)

    def _add(self, what, budget, measured, met, verdict, limit, others):
        self.passed += met is True
        self.failed += met is False
        self.table.add(what, budget, measured, verdict, limit, others)


def where_met(met):
    """Of {time in us: whether a budget was met}: at which."""
    times = sorted(met)
    good = [us for us in times if met[us]]
    if len(good) > 1 and good == times[-len(good):]:
        return f"met from {response_text(good[0])} on" if len(good) < len(times) else "met at all"
    return "met at " + ", ".join(map(response_text, good)) if good else "met at none"


def formula(line):
    return f"{line['beside']} + {line['per_dword']}R"


def add_accesses(budgets, lines):
    count = {policy: find(lines, bench="accesses", policy=policy)["accesses"] for policy in POLICIES}
    budgets.add("config accesses for QEMU's table, 7 entries", "172", str(count["doed"]), count["doed"] <= 172,
                str(count["limit"]), f"Linux {count['Linux, 4 ms']}, spdm-utils {count['spdm-utils']}, "
                f"tee-io-validator {count['tee-io-validator']}")
    for place, name, beside in (("first", "the first", 8), ("following", "each that follows", 7)):
        cell = {policy: find(lines, bench="exchange", policy=policy, place=place) for policy in POLICIES}
        budgets.add(f"config accesses of an exchange of R response dwords, {name}", f"{beside} + 2R", formula(cell["doed"]),
                    cell["doed"]["beside"] <= beside and cell["doed"]["per_dword"] <= 2, formula(cell["limit"]),
                    f"Linux {formula(cell['Linux, 4 ms'])}, spdm-utils {formula(cell['spdm-utils'])}, "
                    f"tee-io-validator {formula(cell['tee-io-validator'])}")


def row(lines, policy, mailboxes, shape, times_us):
    """The line of each response time."""
    return [find(lines, bench="lateness", policy=policy, mailboxes=mailboxes, shape=shape, response_us=us) for us in times_us]


def joined(text, cells, key):
    return " / ".join(text(cell[key]) for cell in cells)


def add_lateness_row(budgets, lines, mailboxes, shape, times_us, name):
    cells = {policy: row(lines, policy, mailboxes, shape, times_us) for policy in POLICIES}
    budgets.add(f"late by, {name}", "", joined(time_text, cells["doed"], "late_us"), None,
                joined(time_text, cells["limit"], "late_us"),
                "; ".join(f"{peer} {joined(time_text, cells[peer], 'late_us')}" for peer in PEERS))
    # Of each response by its own time, of which a bimodal device has two.
    if mailboxes < MANY:
        budget = share_text(IN_BUDGET)
        met = {cell["response_us"]: cell["in_budget"] >= IN_BUDGET for cell in cells["doed"]}
    else:
        budget = f"from {response_text(MANY_FROM_US)} on {share_text(OF_LIMIT)} of the limit's"
        met = {cell["response_us"]: cell["in_budget"] >= OF_LIMIT * limit["in_budget"]
               for cell, limit in zip(cells["doed"], cells["limit"]) if cell["response_us"] >= MANY_FROM_US}
    budgets.add_times(f"no later than 100 us or 10 %, {name}", budget, joined(share_text, cells["doed"], "in_budget"), met,
                      joined(share_text, cells["limit"], "in_budget"),
                      "; ".join(f"{peer} {joined(share_text, cells[peer], 'in_budget')}"
                                for peer in ("Linux, 4 ms", "spdm-utils")))


def add_lateness(budgets, lines):
    for mailboxes in (1, MANY):
        for shape in SHAPES:
            add_lateness_row(budgets, lines, mailboxes, shape, TIMES_US,
                             f"{shape}, {mailboxes} mailbox{'es' if mailboxes > 1 else ''}")
    times = " / ".join(map(response_text, UNEVEN_TIMES_US))
    add_lateness_row(budgets, lines, 1, "fixed", UNEVEN_TIMES_US, f"fixed, 1 mailbox, {times}")
    add_exchanges(budgets, lines, 1, SHAPES, TIMES_US, "1 mailbox")
    add_exchanges(budgets, lines, 1, ["fixed"], UNEVEN_TIMES_US, f"1 mailbox, {times}")
    add_exchanges(budgets, lines, MANY, SHAPES, TIMES_US, f"{MANY} mailboxes")


def add_exchanges(budgets, lines, mailboxes, shapes, times_us, name):
    """How many each figure is of: at least, of these shapes."""
    fewest = {policy: " / ".join(str(min(cell["exchanges"] for cell in cells)) for cells in
                                 zip(*(row(lines, policy, mailboxes, shape, times_us) for shape in shapes)))
              for policy in POLICIES}
    budgets.add(f"exchanges behind each of these, {name}", "", fewest["doed"], None, fewest["limit"],
                "; ".join(f"{peer} {fewest[peer]}" for peer in PEERS))


def add_waiting(budgets, lines):
    """The limit of what waiting takes is asleep until its one look; the limit of lateness is awake before it."""
    for shape in SHAPES:
        cells = {policy: row(lines, policy, 1, shape, TIMES_US) for policy in (*POLICIES, ASLEEP)}
        met = {policy: {cell["response_us"]: cell["cpu_waiting"] <= WAITING for cell in cells[policy]} for policy in cells}
        share = {policy: joined(share_text, cells[policy], "cpu_waiting") for policy in cells}
        budgets.add_times(f"processor while waiting, of one core, {shape}", f"{100 * WAITING:.0f} %", share["doed"], met["doed"],
                          f"asleep until its look: {share[ASLEEP]}; {where_met(met[ASLEEP])}",
                          f"Linux, 4 ms {share['Linux, 4 ms']}; spdm-utils {share['spdm-utils']}")
        looks = {policy: " / ".join(f"{cell['looks']:.1f}" for cell in cells[policy]) for policy in POLICIES}
        budgets.add(f"looks for one response, {shape}", "", looks["doed"], None, looks["limit"],
                    f"Linux, 4 ms {looks['Linux, 4 ms']}; tee-io-validator {looks['tee-io-validator']}")
        switches = " / ".join(f"{cell['switches_per_look']:.1f}" for cell in cells["doed"])
        budgets.add(f"threads that go on for one look, {shape}", "", switches, None)


def add_scale(budgets, lines):
    alone = find(lines, bench="scale", mailboxes=1)["wall_us"]
    for mailboxes in (64, 1024):
        line = find(lines, bench="scale", mailboxes=mailboxes)
        # No faster than the processors allow.
        least = max(1.0, line["cpu_us"] / line["processors"] / alone)
        ratio = line["wall_us"] / alone
        budgets.add(f"{mailboxes} whole tables at once, 20 ms a response, against one", "1.3 x", f"{ratio:.2f} x",
                    ratio <= 1.3 * least, f"{least:.2f} x by processor time")


def add_stall(budgets, lines):
    """The longest are shown with what they waited for a processor; GetId is the bus's own, and is as long without doed."""
    names = {"Get": "property read", "GetTable": "cached GetTable", "GetId": "GetId of the bus, beside them,"}
    for call, name in names.items():
        line = find(lines, bench="stall", call=call)
        of_max = line["of_max"]
        waited = ", ".join(f"{who} {time_text(of_max[who]['waited_us'])}" for who in ("client", "bus", "doed"))
        budgets.add(f"{name} while devices block: p50 / p99 / longest", "p99 5 ms" if call != "GetId" else "",
                    " / ".join(time_text(line[key]) for key in ("p50_us", "p99_us", "max_us")),
                    line["p99_us"] <= 5000 if call != "GetId" else None, "",
                    f"of the longest, waiting for a processor: {waited}; doed ran {time_text(of_max['doed']['ran_us'])}")


def add_dbus(budgets, lines):
    """Each call with both generations of the library that doed's side of the bus is made with."""
    measured = [line for line in lines if line["bench"] == "dbus" and line["call"] != "Ping"]
    bare = [line for line in measured if line["service"] == "bare"]
    measured = [line for line in measured if line["service"] == "doed"]
    versions = sorted({line["sdbus"] for line in measured}, key=lambda version: [int(part) for part in version.split(".")])
    if len({version.split(".")[0] for version in versions}) < 2:
        raise SystemExit(f"report.py: only one generation of sdbus-c++ was measured: {', '.join(versions)}")
    kinds = dict.fromkeys((line["call"], line["size_bytes"], line["under_way"]) for line in measured)
    for call, size, under_way in kinds:
        checked = under_way == 1 and call == "GetTable"
        for version in versions:
            line = find(measured, call=call, size_bytes=size, under_way=under_way, sdbus=version)
            budgets.add(f"cached {call}, {size_text(size)}, {under_way} under way, sdbus-c++ {version}",
                        "0.8 x Ping" if checked else "", f"{line['of_ping']:.2f} x Ping, {line['per_second']:.0f}/s",
                        line["of_ping"] >= 0.8 if checked else None,
                        # A service that does nothing but answer, in the same minute.
                        f"{find(bare, call=call, size_bytes=size, under_way=under_way, sdbus=version)['of_ping']:.2f} x Ping"
                        if call == "GetTable" else "")


def add_end_to_end(budgets, lines):
    idle = find(lines, bench="idle", mailboxes=1024)
    budgets.add("memory, 1024 mailboxes idle, with their emulated devices", "64 MiB", size_text(idle["memory_bytes"]),
                idle["memory_bytes"] <= 64 << 20, "", f"{size_text(idle['per_mailbox_bytes'])} each")
    budgets.add("start with 1024 devices", "", time_text(idle["start_s"] * 1e6), None)
    many, none = find(lines, bench="functions", functions=10_000), find(lines, bench="functions", functions=0)
    budgets.add("start with 10,000 functions without DOE", "", time_text(many["start_s"] * 1e6), None, "",
                f"without any {time_text(none['start_s'] * 1e6)}")
    many, one = find(lines, bench="hotplug", devices=256), find(lines, bench="hotplug", devices=1)
    budgets.add("256 devices that appear at once, until all tables are served", "", time_text(many["served_s"] * 1e6), None,
                "", f"of one {time_text(one['served_s'] * 1e6)}")
    profile = find(lines, bench="profile")
    budgets.add("doed's processor time in config accesses, reading 1 MiB tables", "70 %",
                f"{100 * profile['in_accesses']:.0f} %", profile["in_accesses"] >= 0.7)


def add_engine(budgets, engine):
    """The medians that Google Benchmark found, of tables read from a device that answers at once, on a clock that costs nothing."""
    medians = {line["run_name"]: line for line in engine["benchmarks"] if line.get("aggregate_name") == "median"}
    for size in (160, 1 << 20):
        doed, bare = (medians[f"{name}/{size}"] for name in ("read_by_mailbox", "read_by_bare_loop"))
        text = {id(line): f"{time_text(line['cpu_time'] / 1000)}, {line['per_access'] * 1e9:.0f} ns an access"
                for line in (doed, bare)}
        budgets.add(f"the engine alone, a table of {size_text(size)}, nothing waits", "",
                    f"{text[id(doed)]}, {doed['cpu_time'] / bare['cpu_time']:.2f} x the bare loop", None, text[id(bare)])


def machine():
    model = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    return f"{model[1] if model else platform.machine()}, {cores} processors, Linux {platform.release()}"


def commit():
    git = ["git", "-C", str(TOP), "-c", f"safe.directory={TOP}"]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    # docs/ is what this writes.
    dirty = subprocess.run([*git, "status", "--porcelain", "--", ":(top)", ":(top,exclude)docs"], capture_output=True,
                           text=True, check=True).stdout.strip()
    return head + (" and changes" if dirty else "")


def plot(lines):
    """By gnuplot: how late a response is seen over the time the device takes, one mailbox, times within a quarter."""
    shown = [line for line in lines if line["bench"] == "lateness" and line["mailboxes"] == 1 and line["shape"] == "jittered"]
    blocks = []
    for policy in POLICIES:
        points = sorted((line["response_us"], line["late_us"]) for line in shown if line["policy"] == policy)
        blocks.append(f"${'p' + str(len(blocks))} << EOD\n" + "\n".join(f"{x} {y}" for x, y in points) + "\nEOD\n")
    colours = ["#c62828", "#1565c0", "#64b5f6", "#6a1b9a", "#ef6c00", "#2e7d32"]
    curves = ["(x > 1000 ? x / 10 : 100) with filledcurves y1=0.5 fc rgb '#eeeeee' title 'budget: 100 us or a tenth'"]
    curves += [f"$p{i} with linespoints lw {3 if policy == 'doed' else 2} pt 7 ps 0.6 lc rgb '{colours[i]}' title '{policy}'"
               for i, policy in enumerate(POLICIES)]
    script = "".join(blocks) + """
set logscale xy
set xrange [40:130000]
set yrange [0.5:40000]
set xtics rotate by -45
set xlabel "response time of the device"
set ylabel "the requester has it later by"
set xtics ("50 us" 50, "100 us" 100, "200 us" 200, "500 us" 500, "1 ms" 1000, "2 ms" 2000, "5 ms" 5000, "10 ms" 10000, \
"20 ms" 20000, "50 ms" 50000, "100 ms" 100000)
set ytics ("1 us" 1, "10 us" 10, "100 us" 100, "1 ms" 1000, "10 ms" 10000)
set grid
set key outside right top
set samples 500
"""
    PLOTS.mkdir(exist_ok=True)
    for terminal, name in (("svg size 960,540 background '#ffffff' font 'sans,13'", "latency.svg"),
                           ("pngcairo size 1440,810 font 'sans,18'", "latency.png")):
        subprocess.run(["gnuplot"], text=True, check=True,
                       input=f"set terminal {terminal}\nset output '{PLOTS / name}'\n{script}plot {', '.join(curves)}\n")


def write_page(budgets, lines, build_type):
    profile = find(lines, bench="profile")
    rest = ", ".join(f"`{name}` {100 * share:.1f} %" for name, share in profile["rest"].items())
    systems = dict.fromkeys(f"sdbus-c++ {line['sdbus']} on {line['system']}" for line in lines if line["bench"] == "dbus")
    text = "\n".join((
        BEGIN, f"{datetime.date.today()}, commit {commit()}, built as {build_type}; {machine()}; {', '.join(systems)}.", "",
        budgets.table.markdown(), "",
        "Six values in a row are for devices that take 50 us, 200 us, 1, 5, 20 and 100 ms; times are medians. The rows of exchanges",
        f"say how many each figure is of, at least. Rows of {MANY} mailboxes are judged for devices that take "
        f"{response_text(MANY_FROM_US)} or more, by what the limit",
        "reaches in the same run; all others for each of their devices, and one that misses its budget for any has missed it.",
        f"Outside config accesses the profile of long reads shows: {rest}.", "",
        "![how late a response is seen, over the response time](performance/latency.svg)", "",
        "The same [as PNG](performance/latency.png).", END))
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest_of_page = page.partition(BEGIN)
    _, _, after = rest_of_page.partition(END)
    PAGE.write_text(before + text + after, encoding="utf-8")


def main():
    lines = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    engine = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    budgets = Budgets()
    for add in (add_accesses, add_lateness, add_waiting, add_scale, add_stall, add_dbus, add_end_to_end):
        add(budgets, lines)
    add_engine(budgets, engine)
    print(budgets.table.plain())
    if "--write" in sys.argv:
        plot(lines)
        write_page(budgets, lines, sys.argv[3])
    print(f"bench: {budgets.passed} passed, {budgets.failed} failed")


if __name__ == "__main__":
    main()
