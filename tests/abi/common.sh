# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What tests/abi/update and the lane abi share: which library, and how its ABI is written down. Sourced; needs $top.
# shellcheck disable=SC2034,SC2154  # the sourcing script's

baseline=$top/tests/abi/libdoed.abi

# library_of BUILD_FOLDER
library_of() {
    echo "$1/lib/client/libdoed/libdoed.so.0"
}

# write_abi LIBRARY FILE: types of the public headers alone, without what differs from build to build.
write_abi() {
    abidw --headers-dir "$top/lib/client/include" --drop-private-types --exported-interfaces-only --no-corpus-path \
        --no-show-locs --no-comp-dir-path --no-elf-needed --type-id-style hash "$1" --out-file "$2"
}
