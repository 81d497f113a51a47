# SPDX-License-Identifier: Apache-2.0
"""The tables of tests/vectors/cdat as bytes, and doectl on them."""

import functools
import json
import subprocess

from harness import BUILD, PATIENCE_S, TOP

DOECTL = BUILD / "lib" / "client" / "doectl"
VECTORS = TOP / "tests" / "vectors" / "cdat"
MEBIBYTE = 1 << 20


def doectl(*arguments, stdin=b""):
    """Ended process of doectl; its output is bytes."""
    return subprocess.run([DOECTL, *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=PATIENCE_S, check=False)


def names():
    """vectors/good, tables/endpoint, problems/checksum, ..."""
    return ([f"vectors/{path.stem}" for path in sorted(VECTORS.glob("*.hex"))]
            + [f"{path.parent.name}/{path.stem}" for path in sorted(VECTORS.glob("*/*.json"))])


@functools.cache
def table(name):
    """The bytes of a table."""
    folder, _, stem = name.partition("/")
    if folder == "vectors":
        return bytes.fromhex((VECTORS / f"{stem}.hex").read_text().strip())
    if name == "generated/largest":
        return build(largest_document())
    return build(json.loads((VECTORS / f"{name}.json").read_text()))


def build(document):
    built = doectl("cdat", "build", "-", stdin=json.dumps(document).encode())
    assert built.returncode == 0, built.stderr
    return built.stdout


def largest_document():
    """1 MiB: 256 memory ranges with their latencies, and ways of switches in the rest."""
    structures = []
    for handle in range(256):
        structures.append({"name": "DSMAS", "handle": handle, "dpa_base": str(handle << 34), "dpa_length": str(1 << 34)})
        structures += [{"name": "DSLBIS", "handle": handle, "data_type": data_type, "base_unit": "1000",
                        "entries": [100 + handle + data_type]} for data_type in range(6)]
    left = MEBIBYTE - 16 - 24 * len(structures)
    number = 0
    while left > 0:
        size = min(left, 65528)
        if 0 < left - size < 16:
            size -= 16
        structures.append({"name": "SSLBIS", "data_type": number % 6, "base_unit": "10", "entries": [
            {"port_x": i % 8, "port_y": 1024 * (number // 6) + i // 8, "entry": 1 + i % 65534} for i in range((size - 16) // 8)]})
        left -= size
        number += 1
    return {"structures": structures}
