/* SPDX-License-Identifier: Apache-2.0
 *
 * A program in C on libdoed, driven by test_libdoed.py over its standard input and output.
 *   libdoed_user table BUS|HOST              what a stranger's first program prints
 *   libdoed_user storm BUS MAILBOX COUNT     many calls, half of them cancelled; stops twice for a line of input
 *   libdoed_user events BUS                  what happens, a line each, until the end of input
 */
#include <doed/doed.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static doed_context *context;

static int say(const char *what, int error) {
    printf("%s: %d %s %s\n", what, error, doed_last_error_name(context), doed_last_error_message(context));
    return 1;
}

static void tell(const char *word) {
    printf("%s\n", word);
    fflush(stdout);
}

static void await_line(void) {
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') {
    }
}

/* ---- table ---- */

static int table(void) {
    doed_snapshot *snapshot = NULL;
    doed_device *device = NULL;
    doed_mailbox *mailbox = NULL;
    int error = doed_snapshot_get(context, &snapshot);
    if (error < 0) {
        return say("snapshot", error);
    }
    doed_device_foreach(snapshot, device) {
        doed_mailbox_foreach(device, mailbox) {
            doed_cdat *cdat = NULL;
            struct doed_memory_range range = {.size = sizeof range};
            if (doed_mailbox_cdat_status(mailbox) == NULL) {
                continue;
            }
            error = doed_cdat_get(context, doed_mailbox_path(mailbox), 0, &cdat);
            if (error < 0) {
                return say("cdat", error);
            }
            for (size_t i = 0; doed_cdat_range(cdat, i, &range) == 0; i++) {
                printf("%s/%x %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", doed_device_address(device),
                       (unsigned)doed_mailbox_offset(mailbox), range.dpa_length, range.read_latency.amount,
                       range.read_bandwidth.amount);
            }
            doed_cdat_unref(cdat);
        }
    }
    doed_snapshot_unref(snapshot);
    return 0;
}

/* ---- storm ---- */

struct call {
    int told;
    int error;
    int cancelled;
};

static size_t told;

static void on_reply(const doed_reply *reply, void *data) {
    struct call *call = data;
    call->told++;
    call->error = doed_reply_error(reply);
    told++;
}

static int submit(struct call *call, const char *mailbox, size_t index) {
    doed_call *handle = NULL;
    int error = 0;
    switch (index % 4) {
        case 0: error = doed_discover_async(context, mailbox, on_reply, call, &handle); break;
        case 1: error = doed_cdat_table_async(context, mailbox, 0, on_reply, call, &handle); break;
        case 2: error = doed_trace_async(context, mailbox, on_reply, call, &handle); break;
        default: error = doed_cdat_get_async(context, mailbox, DOED_CDAT_REFRESH, on_reply, call, &handle); break;
    }
    if (error == 0 && index / 4 % 2 == 1) {
        call->cancelled = 1;
        error = doed_call_cancel(handle);
    }
    doed_call_unref(handle);
    return error;
}

static int run_until(size_t count) {
    while (told < count) {
        int worked = doed_process(context);
        if (worked == 0) {
            worked = doed_wait(context, UINT64_MAX);
        }
        if (worked < 0) {
            return worked;
        }
    }
    return 0;
}

static int storm(const char *mailbox, size_t count) {
    struct call *calls = calloc(count, sizeof *calls);
    size_t by_error[5] = {0, 0, 0, 0, 0};
    size_t others = 0;
    size_t wrong = 0;
    int error = 0;
    for (size_t i = 0; error == 0 && i < count / 2; i++) {
        error = submit(&calls[i], mailbox, i);
    }
    if (error == 0) {
        /* All that are cancelled, and more than half of the others. */
        error = run_until(count / 4 + count * 3 / 20);
    }
    tell("middle");
    await_line();
    for (size_t i = count / 2; error == 0 && i < count; i++) {
        error = submit(&calls[i], mailbox, i);
    }
    while (error == 0 && doed_process(context) > 0) {
    }
    tell("sent");
    await_line();
    if (error == 0) {
        error = run_until(count);
    }
    if (error < 0) {
        return say("storm", error);
    }
    for (size_t i = 0; i < count; i++) {
        wrong += calls[i].told != 1 || calls[i].cancelled != (calls[i].error == -ECANCELED);
        switch (calls[i].error) {
            case 0: by_error[0]++; break;
            case -ECANCELED: by_error[1]++; break;
            case -ERESTART: by_error[2]++; break;
            case -EAGAIN: by_error[3]++; break;
            case -ESRCH: by_error[4]++; break;
            default: others++; break;
        }
    }
    printf("told %zu wrong %zu good %zu cancelled %zu restart %zu again %zu away %zu others %zu\n", told, wrong, by_error[0],
           by_error[1], by_error[2], by_error[3], by_error[4], others);
    free(calls);
    return 0;
}

/* ---- events ---- */

static void on_event(const struct doed_event *event, void *data) {
    (void)data;
    printf("%s %s/%x %s>%s %s lost %" PRIu64 "\n", doed_event_type_name(event->type), event->address,
           (unsigned)event->offset, event->from, event->to, event->name, event->lost);
    if (event->type == DOED_EVENT_SUBSCRIBED || event->type == DOED_EVENT_DAEMON_RESTARTED) {
        doed_snapshot *snapshot = NULL;
        doed_device *device = NULL;
        int count = 0;
        if (doed_snapshot_get(context, &snapshot) == 0) {
            doed_device_foreach(snapshot, device) {
                count++;
            }
            doed_snapshot_unref(snapshot);
        }
        printf("snapshot %d\n", count);
    }
    fflush(stdout);
}

static int events(void) {
    doed_subscription *subscription = NULL;
    struct pollfd wanted[2];
    int error = doed_subscribe(context, on_event, NULL, &subscription);
    if (error < 0) {
        return say("subscribe", error);
    }
    wanted[0].fd = doed_get_fd(context);
    wanted[0].events = (short)doed_get_events(context);
    wanted[1].fd = STDIN_FILENO;
    wanted[1].events = POLLIN;
    do {
        while ((error = doed_process(context)) > 0) {
        }
        wanted[1].revents = 0;
    } while (error == 0 && poll(wanted, 2, -1) >= 0 && wanted[1].revents == 0);
    doed_subscription_unref(subscription);
    return error == 0 ? 0 : say("process", error);
}

int main(int argc, char **argv) {
    int result = 2;
    if (argc < 3 || doed_new(&context) < 0 || doed_set_flags(context, DOED_NO_AUTOSTART) < 0) {
        return 2;
    }
    /* A host has no colon here, an address always has one. */
    if ((strchr(argv[2], ':') != NULL ? doed_set_bus(context, argv[2]) : doed_set_host(context, argv[2])) < 0) {
        return 2;
    }
    if (strcmp(argv[1], "table") == 0) {
        result = table();
    } else if (strcmp(argv[1], "events") == 0) {
        result = events();
    } else if (strcmp(argv[1], "storm") == 0 && argc == 5) {
        result = storm(argv[3], (size_t)strtoul(argv[4], NULL, 10));
    }
    doed_unref(context);
    return result;
}
