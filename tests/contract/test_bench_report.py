# SPDX-License-Identifier: Apache-2.0
"""What the bench lane's table says of measured values: a budget that is missed anywhere is missed, and counted, and the row says for
which devices it is met. The values here are made up; nothing is measured."""

import importlib.util

import pytest

from harness import TOP

SPEC = importlib.util.spec_from_file_location("bench_report", TOP / "tests/bench/report.py")
report = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(report)


def lateness(in_budget, limit_in_budget=1.0, cpu_waiting=0.01, asleep=0.01):
    """Lines of bench-lateness, as if all devices but doed's were the same; `in_budget` and `cpu_waiting` by response time."""
    lines = []
    for mailboxes, shapes, times in ((1, report.SHAPES, report.TIMES_US), (report.MANY, report.SHAPES, report.TIMES_US),
                                     (1, ["fixed"], report.UNEVEN_TIMES_US)):
        for policy in (*report.POLICIES, report.ASLEEP):
            for shape in shapes:
                for us in times:
                    share = in_budget(us) if policy == "doed" else limit_in_budget
                    cpu = cpu_waiting if policy == "doed" else asleep
                    lines.append({"bench": "lateness", "policy": policy, "mailboxes": mailboxes, "shape": shape,
                                  "response_us": us, "in_budget": share, "late_us": 1, "exchanges": us,
                                  "cpu_waiting": cpu(us) if callable(cpu) else cpu, "looks": 1, "switches_per_look": 1})
    return lines


def rows(add, lines):
    budgets = report.Budgets()
    add(budgets, lines)
    return {row[0]: row for row in budgets.table.rows[1:]}, budgets


def test_a_budget_that_is_missed_for_one_device_is_missed_and_says_for_which_it_is_met():
    table, budgets = rows(report.add_lateness, lateness(lambda us: 0.5 if us == 1000 else 1.0))
    verdict = table["no later than 100 us or 10 %, fixed, 1 mailbox"][3]
    assert verdict == "**missed**, met at 50 us, 200 us, 5 ms, 20 ms, 100 ms"
    # Three shapes of one mailbox; many mailboxes are judged from 5 ms on, and no device takes 1 ms in the other row.
    assert (budgets.passed, budgets.failed) == (4, 3)


def test_what_is_met_everywhere_is_met():
    table, budgets = rows(report.add_lateness, lateness(lambda _: 1.0))
    assert {row[3] for row in table.values()} == {"", "met"}
    assert (budgets.passed, budgets.failed) == (7, 0)


@pytest.mark.parametrize(("limit", "verdict"), [(0.5, "met"), (0.8, "**missed**, met at none")])
def test_many_mailboxes_are_judged_by_what_the_limit_reaches(limit, verdict):
    table, _ = rows(report.add_lateness, lateness(lambda _: 0.5, limit_in_budget=limit))
    row = table["no later than 100 us or 10 %, fixed, 64 mailboxes"]
    assert row[1] == "from 5 ms on 90 % of the limit's"
    assert row[3] == verdict


def test_the_processor_while_waiting_is_shown_beside_that_of_one_who_sleeps_until_then():
    lines = lateness(lambda _: 1.0, cpu_waiting=lambda us: 200 / us, asleep=lambda us: 50 / us)
    table, budgets = rows(report.add_waiting, lines)
    row = table["processor while waiting, of one core, fixed"]
    assert row[3] == "**missed**, met from 20 ms on"
    assert row[4].endswith("met from 5 ms on")
    assert (budgets.passed, budgets.failed) == (0, 3)


def test_the_fewest_exchanges_behind_a_figure_are_told():
    table, _ = rows(report.add_lateness, lateness(lambda _: 1.0))
    assert table["exchanges behind each of these, 1 mailbox"][2] == "50 / 200 / 1000 / 5000 / 20000 / 100000"


def dbus(sdbus, of_ping):
    return [{"bench": "dbus", "service": service, "call": call, "size_bytes": 160, "under_way": 1, "sdbus": sdbus,
             "of_ping": share, "per_second": 1000}
            for service, share in (("doed", of_ping), ("bare", 0.95)) for call in ("Ping", "GetTable")]


def test_both_generations_of_the_bus_library_stand_beside_each_other_and_are_judged():
    table, budgets = rows(report.add_dbus, dbus("2.1.0", 0.7) + dbus("1.2.0", 0.9))
    assert [(row[0], row[3]) for row in table.values()] == [
        ("cached GetTable, 160 B, 1 under way, sdbus-c++ 1.2.0", "met"),
        ("cached GetTable, 160 B, 1 under way, sdbus-c++ 2.1.0", "**missed**")]
    assert {row[4] for row in table.values()} == {"0.95 x Ping"}, "the bare service stands beside both, and is not judged"
    assert (budgets.passed, budgets.failed) == (1, 1)


def test_one_generation_alone_is_no_result():
    with pytest.raises(SystemExit, match="only one generation"):
        rows(report.add_dbus, dbus("1.2.0", 0.9))


@pytest.mark.parametrize(("beside", "per_dword", "verdict"), [(7, 2, "met"), (8, 2, "**missed**"), (7, 3, "**missed**")])
def test_accesses_of_an_exchange_are_judged_beside_and_for_each_dword(beside, per_dword, verdict):
    lines = []
    for policy in report.POLICIES:
        lines.append({"bench": "accesses", "policy": policy, "accesses": 171})
        lines += [{"bench": "exchange", "policy": policy, "place": place, "beside": beside, "per_dword": per_dword}
                  for place in ("first", "following")]
    table, _ = rows(report.add_accesses, lines)
    row = table["config accesses of an exchange of R response dwords, each that follows"]
    assert (row[1], row[2], row[3]) == ("7 + 2R", f"{beside} + {per_dword}R", verdict)
