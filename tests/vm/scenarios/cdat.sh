#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tables of our own in devices that nobody here wrote: built from JSON, given to QEMU, read
# back through the mailbox byte for byte, and decoded to the JSON that they were built
# from. Two of them are bad: one has a wrong checksum, one counts padding in its length
# that it does not have. Both are served, marked and explained; what the kernel makes
# of the same tables is shown beside it, and the region that it makes of the endpoint's
# memory. It makes none under a hypervisor that says so.
# vm-qemu: -cpu max,-hypervisor
# vm-cdat: endpoint.cdat tests/vectors/cdat/tables/two-ranges.json
# vm-cdat: switch.cdat tests/vectors/cdat/tables/switch-four-ports.json
# vm-cdat: checksum.cdat tests/vectors/cdat/problems/checksum.json
# vm-cdat: padded.cdat tests/vm/tables/padded.json
# vm-qemu: -set device.cxl-pmem0.cdat=endpoint.cdat -set device.us0.cdat=switch.cdat
# vm-qemu: -object memory-backend-ram,id=cxl-mem2,share=on,size=256M
# vm-qemu: -object memory-backend-ram,id=cxl-lsa2,share=on,size=256K
# vm-qemu: -device cxl-type3,bus=swport0,memdev=cxl-mem2,lsa=cxl-lsa2,id=cxl-pmem1,cdat=checksum.cdat
# vm-qemu: -device cxl-rp,port=2,bus=cxl.1,id=rp2,chassis=0,slot=5
# vm-qemu: -object memory-backend-ram,id=cxl-mem3,share=on,size=256M
# vm-qemu: -object memory-backend-ram,id=cxl-lsa3,share=on,size=256K
# vm-qemu: -device cxl-type3,bus=rp2,memdev=cxl-mem3,lsa=cxl-lsa3,id=cxl-pmem2,cdat=padded.cdat
# vm-timeout: 300
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly VECTORS=/vm/source/tests/vectors/cdat
readonly ENDPOINT=0000:0d:00.0 SWITCH=0000:0e:00.0 CHECKSUM=0000:10:00.0 PADDED=0000:11:00.0
declare -rA DOCUMENT=(
  [$ENDPOINT]=$VECTORS/tables/two-ranges.json
  [$SWITCH]=$VECTORS/tables/switch-four-ports.json
  [$CHECKSUM]=$VECTORS/problems/checksum.json
  [$PADDED]=/vm/source/tests/vm/tables/padded.json
)
declare -A mailbox=()

load_cxl
wait_for 30 kernel_cdat "$ENDPOINT" || true # it may not like it
for device in "${!DOCUMENT[@]}"; do
  offset=$(doe_offset "$device") || abort "$device has a DOE mailbox" "none found"
  mailbox[$device]=$(mailbox_path "$device" "$offset")
done

# make_region DEVICE: region0, of the first 256 MiB of its memory
make_region() {
  local cxl=/sys/bus/cxl/devices decoder region
  decoder=decoder$(basename "$(cxl_port "$1")" | tr -dc '0-9').0
  region=$(cat "$cxl/decoder0.0/create_pmem_region") &&
    echo "$region" >"$cxl/decoder0.0/create_pmem_region" &&
    echo pmem >"$cxl/$decoder/mode" && echo $((256 << 20)) >"$cxl/$decoder/dpa_size" &&
    cat /proc/sys/kernel/random/uuid >"$cxl/$region/uuid" &&
    echo 256 >"$cxl/$region/interleave_granularity" && echo 1 >"$cxl/$region/interleave_ways" &&
    echo $((256 << 20)) >"$cxl/$region/size" && echo "$decoder" >"$cxl/$region/target0" && echo 1 >"$cxl/$region/commit"
}

kernel_remember
check "the kernel makes a region of the endpoint's memory" make_region "$ENDPOINT"
bus_start
claims=$(printf '"%s": {"owner": "claim"}, ' "${!DOCUMENT[@]}")
echo "{\"devices\": {${claims%, }}}" >"$TMP/claim.json"
doed_start --config "$TMP/claim.json"

# read_back DEVICE: its bytes and its JSON are those that it was built from.
read_back() {
  local device=$1 built=$TMP/built.cdat read=$TMP/read.cdat
  "$DOECTL" cdat build "${DOCUMENT[$device]}" --output "$built"
  check "$device: doectl cdat --raw reads its table" "$DOECTL" cdat "$device" --raw "$read"
  check "$device: its $(file_size "$built") bytes are those that were built" cmp "$built" "$read"
  "$DOECTL" --json=pretty cdat "$device" >"$TMP/read.json"
  check "$device: its JSON builds the same bytes" cmp "$built" <("$DOECTL" cdat build "$TMP/read.json")
  check_equal "$device: and is the JSON of the file that was built" \
    "$("$DOECTL" --json=pretty cdat --file "$built" | without_origin)" "$(without_origin <"$TMP/read.json")"
  check_equal "$device: GetJson says the same" "$(without_origin <"$TMP/read.json")" \
    "$(get_json "${mailbox[$device]}" | without_origin)"
}
# What differs: the mailbox, and where the bytes come from.
without_origin() {
  /usr/bin/python3 -c 'import json, sys
document = json.load(sys.stdin)
print(json.dumps({key: document[key] for key in document if key not in ("mailbox", "source", "host")}, sort_keys=True))'
}
get_json() {
  busctl --json=short call org.doed1 "$1" org.doed1.Cdat GetJson "${NO_OPTIONS[@]}" |
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["data"][0])'
}
# problems DEVICE: their kinds
problems() {
  "$DOECTL" --json=short cdat "$1" | /usr/bin/python3 -c 'import json, sys
print(*(problem["kind"] for problem in json.load(sys.stdin)["problems"]))'
}
# kernel_verdict DEVICE: its file beside the bytes that doed has read, and what it has written about the table
kernel_verdict() {
  local file verdict="no file" words
  if file=$(kernel_cdat "$1"); then
    verdict="a file of $(wc -c <"$file") bytes, $(same_as_ours "$1" && echo "the same" || echo "not the same")"
  fi
  words=$(dmesg | sed 's/^\[[^]]*\] //' | grep -i cdat | grep -wF "$(names_of "$1")" | sort -u | paste -sd ';')
  echo "$verdict; ${words:-not a word}"
}
# same_as_ours DEVICE; cmp goes by sizes, which files of sysfs do not tell
same_as_ours() {
  "$DOECTL" cdat "$1" --raw "$TMP/ours.cdat"
  cmp -s "$TMP/ours.cdat" <(cat "$(kernel_cdat "$1")")
}
# names_of DEVICE: what the kernel calls it, its port and its memory device, a line each
names_of() {
  local memory
  echo "$1"
  basename "$(cxl_port "$1")"
  for memory in "/sys/bus/pci/devices/$1"/mem*; do
    [[ ! -e $memory ]] || basename "$memory"
  done
}

for device in "$ENDPOINT" "$SWITCH" "$CHECKSUM" "$PADDED"; do
  check "$device becomes idle" wait_for 30 served "${mailbox[$device]}"
  read_back "$device"
done

check_equal "the endpoint's table has no problems" '' "$(problems "$ENDPOINT")"
check_equal "nor has the switch's" '' "$(problems "$SWITCH")"
check "a summary has both of the endpoint's ranges" test \
  "$("$DOECTL" cdat "$ENDPOINT" --summary | grep -c '^Memory range of handle')" -eq 2

check_equal "GetJson has the region" '[["region0", 1]]' "$(get_json "${mailbox[$ENDPOINT]}" | /usr/bin/python3 -c 'import json, sys
print(json.dumps([[region["name"], region["targets"]] for region in json.load(sys.stdin)["host"]["regions"]]))')"
check "the summary shows it" grep -q "^The kernel's region0" <("$DOECTL" cdat "$ENDPOINT" --summary)

check_equal "the wrong checksum is noticed" checksum "$(problems "$CHECKSUM")"
check_equal "ChecksumValid says so" false "$(property "${mailbox[$CHECKSUM]}" Cdat ChecksumValid)"
check "doectl cdat --check ends with 1" test "$("$DOECTL" cdat "$CHECKSUM" --check >/dev/null 2>&1 || echo $?)" = 1
check "length that counts missing padding is noticed" grep -qw length-mismatch <<<"$(problems "$PADDED")"

check "the kernel has read the same bytes of the endpoint" same_as_ours "$ENDPOINT"
for device in "$ENDPOINT" "$SWITCH" "$CHECKSUM" "$PADDED"; do
  pass "$device: doed: $(problems "$device" | sed 's/^$/no problems/'); the kernel: $(kernel_verdict "$device")"
done

doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"
check_kernel
doed_log
