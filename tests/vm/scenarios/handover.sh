#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The endpoint changes hands between doed and cxl_pci while clients keep its mailbox busy
# without a pause: the kernel, which reads the table as soon as its driver is bound, must
# find a mailbox that nobody else is using. The table takes a hundred exchanges, so that
# they meet for certain. First the same without doed, so that what is seen later is
# doed's doing.
# vm-table: long.cdat 13 100
# vm-qemu: -global cxl-type3.cdat=long.cdat
# vm-timeout: 420
# shellcheck disable=SC2119
# shellcheck source=tests/vm/guest/lib.sh
. /vm/source/tests/vm/guest/lib.sh

readonly ENDPOINT=0000:0d:00.0
readonly HANDOVERS=10 ALONE=5
readonly KERNEL_MS=5000 # until the kernel has the mailbox and its table
# What a client may be told meanwhile: refused, cut off, or that there is no table just now.
readonly CLIENT_MAY_SEE='org\.doed1\.Error\.(KernelOwned|Cancelled)|org\.freedesktop\.DBus\.Error\.Unknown.*'

endpoint_doe=$(doe_offset "$ENDPOINT") || abort "the endpoint has a DOE mailbox" "none found"
endpoint=$(mailbox_path "$ENDPOINT" "$endpoint_doe")

load_cxl
wait_for 30 kernel_cdat "$ENDPOINT" || abort "the kernel reads the endpoint's CDAT" "no CDAT file"
reference=$TMP/reference.cdat
cat "$(kernel_cdat "$ENDPOINT")" >"$reference"
check_equal "the kernel's CDAT file has 12040 bytes" 12040 "$(file_size "$reference")"
md5() { md5sum <"$1" | cut -d ' ' -f 1; }

# What the kernel says of the endpoint's mailbox and table when it is not content.
mailbox_complaints() {
  dmesg | tail -n +$((dmesg_lines + 1)) | grep -E 'DOE|CDAT|(cxl|0000:0d).*([Ff]ail|[Ee]rror|[Tt]imed? ?out)'
}

# kernel_reads: binds cxl_pci, and sets `kernel` to what is wrong with the table it reads.
kernel_reads() {
  kernel=''
  bind_driver "$ENDPOINT" cxl_pci
  within $KERNEL_MS kernel_cdat "$ENDPOINT" || kernel='no CDAT file'
  # cmp would go by the sizes of the files, and the kernel's says 0.
  [[ -n $kernel || $(md5 "$(kernel_cdat "$ENDPOINT")") == "$(md5 "$reference")" ]] ||
    kernel="$(file_size "$(kernel_cdat "$ENDPOINT")") other bytes"
}

# ---- without doed ------------------------------------------------------------

kernel_remember
broken=''
for ((i = 1; i <= ALONE; i++)); do
  bind_driver "$ENDPOINT" none
  kernel_reads
  [[ -z $kernel ]] || broken+=" $i: $kernel,"
done
check_equal "bound $ALONE times without doed, the kernel reads the whole table each time" '' "$broken"
check_equal "and is content" '' "$(mailbox_complaints)"

# ---- with doed ---------------------------------------------------------------

bind_driver "$ENDPOINT" none
kernel_remember
bus_start
doed_start
check "the endpoint's Owner is daemon" wait_for 30 property_is "$endpoint" Mailbox Owner daemon
client_start "$endpoint"
check_served "$(milliseconds)" "$endpoint" "a client reads the table"

# Another one keeps the mailbox's queue filled: there is an exchange on the wire whenever
# doed drives it.
/usr/bin/python3 - "$endpoint" <<'END' &
import sys
import dbus
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

bus = dbus.SystemBus(mainloop=DBusGMainLoop())
nothing = dbus.Dictionary(signature="sv")

def discover(*_):
    bus.call_async("org.doed1", sys.argv[1], "org.doed1.Mailbox", "Discover", "a{sv}", (nothing,), discover, refused)

def refused(_):
    GLib.timeout_add(100, discover)

for _ in range(8):
    discover()
GLib.MainLoop().run()
END
discoverer=$!

# handover I: to the kernel and back; notes what went wrong.
handover() {
  local back
  served_after "$(milliseconds)" "$endpoint" || late+=" $1: no exchange to be disturbed,"
  kernel_reads
  [[ -z $kernel ]] || broken+=" $1: $kernel,"
  within $KERNEL_MS property_is "$endpoint" Mailbox Owner kernel || late+=" $1: not the kernel's,"
  slowest_kernel=$(slowest "$slowest_kernel" "$waited_ms")
  [[ -z $(mailbox_complaints) ]] || complained+=" $1,"
  dmesg_lines=$(dmesg | wc -l)

  bind_driver "$ENDPOINT" none
  back=$(milliseconds)
  within $KERNEL_MS property_is "$endpoint" Mailbox Owner daemon || late+=" $1: not doed's,"
  served_after "$back" "$endpoint" || late+=" $1: a table after $served_ms ms,"
  [[ $served_ms == never ]] || slowest_table=$(slowest "$slowest_table" "$served_ms")
  property_is "$endpoint" Cdat Source mailbox || late+=" $1: Source $(property "$endpoint" Cdat Source),"
}

broken='' late='' complained='' slowest_kernel=0 slowest_table=0
for ((cycle = 1; cycle <= HANDOVERS; cycle++)); do handover "$cycle"; done
client_stop
kill -TERM "$discoverer"
check_equal "handed over $HANDOVERS times, the kernel reads the whole table each time" '' "$broken"
check_equal "and is content each time" '' "$complained"
check_equal "owners follow, and doed serves again ($slowest_kernel ms, $slowest_table ms)" '' "$late"
check_equal "each of the client's $(grep -c ' table ' "$CLIENT_LOG") tables is the kernel's" "$(md5 "$reference")" \
  "$(awk '$2 == "table" { print $4 }' "$CLIENT_LOG" | sort -u | xargs)"
check_equal "the client saw no other errors than it should" '' "$(client_errors "$CLIENT_MAY_SEE")"
check "doed lives" doed_is_running
doed_stop
check_equal "SIGTERM ends doed with 0" 0 "$doed_status"

check_equal "the kernel is as tainted as before" "$tainted_before" "$(cat /proc/sys/kernel/tainted)"
dmesg | grep -E 'cxl|DOE' | tail -n 40
doed_log
