#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every memory range of every CXL device that tells of one, as columns: mailbox, handle, bytes, and of reading the latency in ns and
# the bandwidth in MB/s. Nothing but busctl and jq; for members of the group doe.
set -eu

busctl -j call org.doed1 /org/doed1 org.freedesktop.DBus.ObjectManager GetManagedObjects |
    jq -r '.data[0] | to_entries[] | select(.value."org.doed1.Cdat") | .key' | sort |
    while read -r mailbox; do
        busctl -j call org.doed1 "$mailbox" org.doed1.Cdat GetJson 'a{sv}' 0 |
            jq -r '.data[0] | fromjson | .mailbox as $name | .summary.memory_ranges[] |
                [$name, .handle, .dpa_length, .read_latency.ns // "-", .read_bandwidth.mb_per_s // "-"] | @tsv'
    done
