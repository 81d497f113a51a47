/* SPDX-License-Identifier: Apache-2.0
 * Prints size, latency and bandwidth of every memory range that a CXL device of this host tells of.
 * cc $(pkg-config --cflags libdoed) -o memory_ranges memory_ranges.c $(pkg-config --libs libdoed) */
#include <doed/doed.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Not a number where the table does not tell. */
static double figure(struct doed_value value, double unit) {
    return doed_value_given(value) ? (double)value.amount / unit : NAN;
}

static void print_ranges(const char* address, const doed_cdat* cdat) {
    struct doed_memory_range range = {.size = sizeof range};
    for (size_t i = 0; doed_cdat_range(cdat, i, &range) == 0; i++)
        printf("%s range %d: %" PRIu64
               " MiB, read %.15g ns, %.15g MB/s, write %.15g ns, %.15g MB/s\n",
               address, range.handle, range.dpa_length >> 20, figure(range.read_latency, 1000),
               figure(range.read_bandwidth, 1), figure(range.write_latency, 1000),
               figure(range.write_bandwidth, 1));
}

int main(void) {
    doed_context* context = NULL;
    doed_snapshot* snapshot = NULL;
    doed_device* device;
    doed_mailbox* mailbox;
    int failed = doed_new(&context) < 0 || doed_snapshot_get(context, &snapshot) < 0;
    if (failed)
        fprintf(stderr, "%s: %s\n", doed_last_error_name(context),
                doed_last_error_message(context));
    doed_device_foreach(snapshot, device) {
        doed_mailbox_foreach(device, mailbox) {
            doed_cdat* cdat = NULL;
            if (doed_mailbox_cdat_status(mailbox) == NULL)
                continue; /* it offers no table */
            if (doed_cdat_get(context, doed_mailbox_path(mailbox), 0, &cdat) < 0) {
                fprintf(stderr, "%s: %s\n", doed_last_error_name(context),
                        doed_last_error_message(context));
                failed = 1;
            }
            print_ranges(doed_device_address(device), cdat);
            doed_cdat_unref(cdat);
        }
    }
    doed_snapshot_unref(snapshot);
    doed_unref(context);
    return failed;
}
