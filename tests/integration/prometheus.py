# SPDX-License-Identifier: Apache-2.0
"""A strict reader of Prometheus' text exposition format 0.0.4, as promtool and node_exporter's textfile collector are: what
they refuse or warn of is a ValueError here."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")
HELP = re.compile(rf"# HELP ({NAME}) ((?:[^\\\n]|\\[\\n])+)")
TYPE = re.compile(rf"# TYPE ({NAME}) (counter|gauge|histogram|summary|untyped)")
# Not base units, and units that are no suffix of a counter.
FOREIGN_UNIT = re.compile(r"_(ms|us|ns|milliseconds|microseconds|minutes|kib|mib|kilobytes|dwords|percent)(_|$)")


def unescaped(text):
    return re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text)


def labels_of(text):
    found = re.findall(LABEL, text or "")
    labels = {}
    for label in found:
        key, _, value = label.partition("=")
        if key in labels or key.startswith("__"):
            raise ValueError(f"label {key} twice, or reserved")
        labels[key] = unescaped(value[1:-1])
    return labels


def check_family(name, kind):
    if (kind == "counter") != name.endswith("_total"):
        raise ValueError(f"{name} is a {kind}: counters, and they alone, end with _total")
    if FOREIGN_UNIT.search(name):
        raise ValueError(f"{name}: base units are seconds and bytes")
    if ":" in name:
        raise ValueError(f"{name}: colons are for recording rules")


def parse(text):
    """{family: (type, help, [(labels, value)])}; each family is in one piece, with HELP, then TYPE, before its samples."""
    if text and not text.endswith("\n"):
        raise ValueError("the last line has no end")
    families = {}
    current = helped = None
    for line in text.splitlines():
        if match := HELP.fullmatch(line):
            helped = match
            if match[1] in families:
                raise ValueError(f"a second HELP for {match[1]}")
        elif match := TYPE.fullmatch(line):
            if helped is None or helped[1] != match[1]:
                raise ValueError(f"no HELP before the TYPE of {match[1]}")
            check_family(match[1], match[2])
            current = match[1]
            families[current] = (match[2], unescaped(helped[2]), [])
            helped = None
        elif match := SAMPLE.fullmatch(line):
            if match[1] != current or helped is not None:
                raise ValueError(f"a sample outside of its family: {line}")
            labels = labels_of(match[2])
            samples = families[current][2]
            if any(labels == other for other, _ in samples):
                raise ValueError(f"twice: {line}")
            if families[current][0] == "counter" and float(match[3]) < 0:
                raise ValueError(f"a counter below 0: {line}")
            samples.append((labels, float(match[3])))
        else:
            raise ValueError(f"neither HELP, TYPE nor sample: {line!r}")
    empty = [name for name, family in families.items() if not family[2]]
    if helped is not None or empty:
        raise ValueError(f"families without samples: {empty}")
    return families
