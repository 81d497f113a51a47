/* SPDX-License-Identifier: Apache-2.0
 *
 * libdoed: what doed serves on D-Bus, for programs in C and whatever calls C. doed(8) drives the DOE mailboxes of PCIe
 * and CXL devices; this library lists them, asks them for their protocols and tables, follows what happens to them, and
 * decodes the CDAT (doed/cdat.h, which needs no bus).
 *
 * Results. A function that returns int returns 0 or a positive number when it went well, and a negative errno value
 * when it did not; what it was to give out through a pointer is untouched then. For a failed call of doed,
 * doed_last_error_name() and doed_last_error_message() tell more. The table of errors stands at doed_error_to_errno().
 * Every int function returns -EINVAL for a null pointer where none may be, and -ENOMEM when memory runs out.
 *
 * Threads. A context and all that hangs on it (calls, replies, subscriptions) belong to one thread at a time; several
 * threads take a context each. What a context has given out as a snapshot, feature list, table or the like, is never
 * changed again and is independent of the context: several threads may read, ref and unref it at once. A context does
 * not survive fork(): in the child every function of it returns -ECHILD, and doed_unref() only closes the child's copies
 * of its descriptors. Functions without a context may be called by anybody at any time.
 *
 * Memory. What a function gives out through `ret`, the caller owns and returns through the unref function named there,
 * or through free() where it is plain bytes or text. Texts and handles that an accessor returns belong to what they were
 * asked of, and live as long. All unref functions take NULL, and return NULL. Accessors given NULL return 0, "" or NULL.
 * Texts are UTF-8 as doed sent them: whoever shows them on a terminal replaces control characters.
 *
 * Growth. Structures begin with `size`, which the caller sets to sizeof before the call; the library fills in as much as
 * fits and sets `size` to what it filled. Enumerations get new values: take unknown ones for what they are.
 */
#ifndef DOED_DOED_H
#define DOED_DOED_H

#include <doed/cdat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct doed_context doed_context;   /* a connection to doed; refcounted */
typedef struct doed_snapshot doed_snapshot; /* all devices as they were at one moment; refcounted */
typedef struct doed_device doed_device;     /* a PCI function in a snapshot */
typedef struct doed_mailbox doed_mailbox;   /* one of its DOE mailboxes */
typedef struct doed_features doed_features; /* a list of protocols; refcounted */
typedef struct doed_cdat_status
    doed_cdat_status;                     /* what doed tells about its copy of a CDAT; refcounted */
typedef struct doed_manager doed_manager; /* the properties of doed itself; refcounted */
typedef struct doed_call doed_call;       /* an asynchronous call; refcounted */
typedef struct doed_reply doed_reply;     /* what an asynchronous call ended with */
typedef struct doed_subscription doed_subscription; /* a stream of events; ends with its unref */

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/* The library's version: "0.1.0". */
const char* doed_version(void);

/* ---- Context ------------------------------------------------------------------------------------------------------ */

/* Makes a context for the system bus, with a deadline of 30 s and no flags. Connects to nothing yet: the first call
 * does, or doed_connect(). Returned by doed_unref(). Errors: -ENOMEM, -EMFILE, -ENFILE. */
int doed_new(doed_context** ret);
doed_context* doed_ref(doed_context* context);
/* The last unref closes the connection. Calls that are still open end with -ECANCELED: their callbacks are called from
 * within, before it returns, and may do everything but use the context. Subscriptions end without a word. */
doed_context* doed_unref(doed_context* context);

/* Where doed is to be found: "system", "session" or a D-Bus address ("unix:path=/run/..."). Before the context is
 * connected. Errors: -EBUSY once it is; -EINVAL for what is none of these. */
int doed_set_bus(doed_context* context, const char* where);
/* The system bus of another host, "[USER@]HOST[:PORT]", over ssh as `busctl -H` does it. No descriptors come over such a
 * connection: leases and events are refused with -EOPNOTSUPP, tables above 64 KiB with -E2BIG. Errors: as doed_set_bus(). */
int doed_set_host(doed_context* context, const char* host);

/* How long a call may take from its submission on, in microseconds. Told to doed, which then stops working on it, and
 * kept here too, one second longer, to hear the better reason. Counts for calls that begin afterwards. UINT64_MAX: as
 * long as doed's own default is, and without limit here. Errors: -EINVAL for 0. */
int doed_set_deadline(doed_context* context, uint64_t usec);

enum {
    /* polkit may ask the user for authorisation; such a call may take as long as people do. */
    DOED_ALLOW_INTERACTIVE_AUTHORIZATION = 1 << 0,
    /* A doed that does not run is not started by the call: -ESRCH. */
    DOED_NO_AUTOSTART = 1 << 1
};
/* For calls that begin afterwards. Errors: -EINVAL for flags that are not above. */
int doed_set_flags(doed_context* context, uint32_t flags);

/* Called about every 250 ms while a function of this context waits: for a progress line. elapsed_usec is the time since
 * the function was called. Not 0: the function gives up, with -ECANCELED. Must not use the context; calls return -EBUSY. */
typedef int (*doed_tick)(uint64_t elapsed_usec, void* userdata);
/* tick NULL: none. */
int doed_set_tick(doed_context* context, doed_tick tick, void* userdata);

/* Connects now and waits until the bus takes calls, at most for the deadline. Nothing to do when connected. Whether doed
 * runs is not asked. Errors: what the connection failed with (-ENOENT, -ECONNREFUSED, -EACCES, -EPERM: no such bus, or
 * not for us; -ENOMEDIUM: there is no session bus; -EINVAL: no D-Bus address), -ETIMEDOUT, -ECANCELED by the tick.
 * After a failure the context can be given another place and tried again. */
int doed_connect(doed_context* context);

/* Of the last function of this context that called doed, in either form, or connected: the D-Bus error name
 * ("org.doed1.Error.KernelOwned"), "" when the error did not come over the bus; and one line for people. Both are "" when
 * it went well, and when it was refused at once, with -EINVAL, -EBUSY or -ECHILD. What asynchronous calls end with is told by
 * doed_reply_error_name(). The texts live until the next such function. */
const char* doed_last_error_name(const doed_context* context);
const char* doed_last_error_message(const doed_context* context);

/* The errno value, negative, that stands for a D-Bus error name:
 *
 *   org.doed1.Error.NotSupported       -EOPNOTSUPP   the mailbox has no such protocol, or nobody may drive it
 *   org.doed1.Error.NotAllowed         -EPERM        the protocol is not among doed's allowed ones
 *   org.doed1.Error.Lockdown           -EPERM        the kernel's lockdown forbids it
 *   org.doed1.Error.KernelOwned        -EBUSY        the kernel drives the mailbox
 *   org.doed1.Error.Released           -EBUSY        somebody has borrowed the mailbox
 *   org.doed1.Error.Busy               -EAGAIN       repeat it later: the mailbox is used past doed
 *   org.doed1.Error.Aborted            -EAGAIN       repeat it: a reset came in between
 *   org.doed1.Error.LimitsExceeded     -EAGAIN       repeat it when other calls have ended; so ...DBus.Error.LimitsExceeded
 *   org.doed1.Error.Cancelled          -ERESTART     repeat it: doed is ending, or let go of the device
 *   ...DBus.Error.NoReply              -ERESTART     repeat it: doed ended while it had the call
 *   org.doed1.Error.Timeout            -ETIMEDOUT    the device did not answer in time
 *   org.doed1.Error.DeadlineExceeded   -ETIME        the call's deadline ran out in doed
 *   ...DBus.Error.Timeout, TimedOut    -ETIME        it ran out here, doed being silent
 *   org.doed1.Error.DeviceError        -EIO          the device reported an error
 *   org.doed1.Error.Dead               -EIO          the mailbox reacts to nothing
 *   org.doed1.Error.Malformed          -EBADMSG      the device answered something that is none
 *   org.doed1.Error.DeviceGone         -ENODEV       the device answers nothing any more
 *   org.doed1.Error.TooLarge           -E2BIG        longer than the message or the connection can carry
 *   ...DBus.Error.AccessDenied         -EACCES       the caller may not; so InteractiveAuthorizationRequired, AuthFailed
 *   ...DBus.Error.InvalidArgs          -EINVAL       doed does not know the option
 *   ...DBus.Error.UnknownObject        -ENOENT       no such device or mailbox
 *   ...DBus.Error.UnknownInterface     -EOPNOTSUPP   no such thing on this mailbox, or doed is older; so UnknownMethod,
 *                                                    UnknownProperty
 *   ...DBus.Error.ServiceUnknown       -ESRCH        doed does not run; so NameHasNoOwner and Spawn.*
 *   ...DBus.Error.Disconnected         -ENOTCONN     the connection to the bus broke: make another context
 *   ...DBus.Error.NoMemory             -ENOMEM
 *   ...DBus.Error.NotSupported         -EOPNOTSUPP
 *   any other                          -EREMOTEIO
 *
 * -EAGAIN and -ERESTART are the ones after which the same call may go well; after -ERESTART doed may be another process,
 * and what a snapshot said of before may be no more. Calls also fail with -EPROTO: doed's answer is not as
 * the contract says; and -ECANCELED: by doed_call_cancel(), by the tick, or by the end of the context. */
int doed_error_to_errno(const char* name);

/* ---- Event loops -------------------------------------------------------------------------------------------------
 *
 * Asynchronous calls and events come out of doed_process(). A program without a loop of its own calls doed_process()
 * until it returns 0, then doed_wait(). A program with a loop has it watch doed_get_fd() for reading and calls
 * doed_process() until it returns 0 whenever the descriptor is readable. This is enough: the descriptor, an epoll one that
 * stays the same for the whole life of the context, also becomes readable when a deadline passes or a callback is due,
 * and nothing has to be asked again after other functions of the context. A loop that prefers to keep the
 * time itself asks doed_get_timeout() before each wait, as with sd_bus_get_timeout(3).
 */

/* Not to be closed, read or changed. */
int doed_get_fd(const doed_context* context);
/* What to wait for on it, as poll(2) has it: POLLIN. */
int doed_get_events(const doed_context* context);
/* When doed_process() is to be called though the descriptor is not readable: CLOCK_MONOTONIC, microseconds; 0 for now,
 * UINT64_MAX for never. */
int doed_get_timeout(doed_context* context, uint64_t* ret_usec);
/* Does what is to be done without waiting, and calls at most one callback. 1: something was done, call it again;
 * 0: nothing is left to do. Errors: -EBUSY from within a callback or tick; -ENOTCONN once the connection has broken and
 * every callback has been told. */
int doed_process(doed_context* context);
/* Waits until there is something for doed_process() to do, at most timeout_usec (UINT64_MAX: without limit). 1: there is;
 * 0: time ran out. Does not tick. Errors: -EINTR; -EBUSY and -ENOTCONN as doed_process(). */
int doed_wait(doed_context* context, uint64_t timeout_usec);

/* ---- Asynchronous calls -------------------------------------------------------------------------------------------
 *
 * Every call of doed has two forms. The plain one waits, calling no callback of others meanwhile, and may be used within a
 * callback. The one with _async returns at once: 0 means that the callback will be called exactly once, from
 * doed_process() (or the last doed_unref()), never from the function itself; a negative value, that it will not be.
 * Any number of calls may be open: the library gives doed 64 of them at a time, in the order of their submission. Of those
 * that need the device doed refuses what goes beyond its limits for a client (16, unless configured) with -EAGAIN.
 *
 * The reply is valid within the callback only: take a reference of what is to stay. The callback may do everything but
 * call doed_process() and doed_wait(). `ret`, which may be NULL, receives a handle for doed_call_cancel(); return it with
 * doed_call_unref(), at any time: this does not cancel.
 */
typedef void (*doed_callback)(const doed_reply* reply, void* userdata);

/* The callback will be told -ECANCELED: by the next doed_process(), not from here. Work that doed has begun goes on until
 * its deadline, and what comes of it is thrown away; a lease is given back. Errors: -EALREADY when the callback
 * has been or is being called, or the call was cancelled before. */
int doed_call_cancel(doed_call* call);
doed_call* doed_call_ref(doed_call* call);
doed_call* doed_call_unref(doed_call* call);

/* 0, or the negative errno value that the plain form would have returned. */
int doed_reply_error(const doed_reply* reply);
/* As doed_last_error_name() and doed_last_error_message(); "" for a reply without an error. */
const char* doed_reply_error_name(const doed_reply* reply);
const char* doed_reply_error_message(const doed_reply* reply);
/* What came, each NULL (-1, 0) in a reply with an error or to a call for something else. Borrowed. */
doed_snapshot* doed_reply_snapshot(const doed_reply* reply); /* of doed_snapshot_get_async() */
doed_manager* doed_reply_manager(const doed_reply* reply);   /* of doed_manager_get_async() */
doed_features* doed_reply_features(const doed_reply* reply); /* of doed_discover_async() */
/* of doed_cdat_status_get_async() */
doed_cdat_status* doed_reply_cdat_status(const doed_reply* reply);
doed_cdat* doed_reply_cdat(const doed_reply* reply); /* of doed_cdat_get_async() */
/* of doed_trace_async(), doed_cdat_json_async() */
const char* doed_reply_text(const doed_reply* reply);
/* of doed_cdat_table_async() */
const uint8_t* doed_reply_bytes(const doed_reply* reply, size_t* ret_size);
uint32_t doed_reply_sequence(const doed_reply* reply); /* of doed_cdat_refresh_async() */
/* The lease of doed_release_async(): from now on the caller's, to be closed; the second time -1. One that nobody
 * takes is given back after the callback. */
int doed_reply_take_fd(const doed_reply* reply);

/* ---- Devices and mailboxes ---------------------------------------------------------------------------------------- */

/* Everything that doed serves, as of one moment. Returned by doed_snapshot_unref(). */
int doed_snapshot_get(doed_context* context, doed_snapshot** ret);
int doed_snapshot_get_async(doed_context* context, doed_callback callback, void* userdata,
                            doed_call** ret);
doed_snapshot* doed_snapshot_ref(doed_snapshot* snapshot);
doed_snapshot* doed_snapshot_unref(doed_snapshot* snapshot);

/* Devices come in the order of their addresses, the mailboxes of one in that of their offsets; NULL at the end. */
doed_device* doed_device_first(const doed_snapshot* snapshot);
doed_device* doed_device_next(const doed_device* device);
doed_mailbox* doed_mailbox_first(const doed_device* device);
doed_mailbox* doed_mailbox_next(const doed_mailbox* mailbox);
#define doed_device_foreach(snapshot, device)                      \
    for ((device) = doed_device_first(snapshot); (device) != NULL; \
         (device) = doed_device_next(device))
#define doed_mailbox_foreach(device, mailbox)                       \
    for ((mailbox) = doed_mailbox_first(device); (mailbox) != NULL; \
         (mailbox) = doed_mailbox_next(mailbox))

/* By "0000:0d:00.0", or "0d:00.0" in domain 0; upper or lower case. NULL: there is none. */
doed_device* doed_snapshot_find_device(const doed_snapshot* snapshot, const char* address);
/* By the offset of the capability in config space, in bytes. NULL: there is none. */
doed_mailbox* doed_device_find_mailbox(const doed_device* device, uint16_t offset);

const char* doed_device_path(const doed_device* device);    /* of its D-Bus object */
const char* doed_device_address(const doed_device* device); /* "0000:0d:00.0" */
uint16_t doed_device_vendor_id(const doed_device* device);
uint16_t doed_device_device_id(const doed_device* device);
uint16_t doed_device_subsystem_vendor_id(const doed_device* device); /* 0: none */
uint16_t doed_device_subsystem_id(const doed_device* device);        /* 0: none */
uint32_t doed_device_class_code(
    const doed_device* device); /* 24 bits; 0x050210: CXL memory device */
const char* doed_device_driver(const doed_device* device);  /* of the kernel; "": none */
int32_t doed_device_numa_node(const doed_device* device);   /* -1: none */
int32_t doed_device_iommu_group(const doed_device* device); /* -1: none */

/* The mailbox's D-Bus object: what the calls below take. */
const char* doed_mailbox_path(const doed_mailbox* mailbox);
doed_device* doed_mailbox_device(const doed_mailbox* mailbox);
uint16_t doed_mailbox_offset(const doed_mailbox* mailbox); /* in config space, bytes */
uint8_t doed_mailbox_capability_version(const doed_mailbox* mailbox);
const char* doed_mailbox_state(const doed_mailbox* mailbox); /* "idle", "busy", ...: org.doed1(5) */
const char* doed_mailbox_owner(
    const doed_mailbox* mailbox); /* "daemon", "vfio", "kernel", "released", "none" */
const char* doed_mailbox_owner_reason(const doed_mailbox* mailbox); /* one sentence */
const char* doed_mailbox_backend(const doed_mailbox* mailbox); /* "sysfs", "vfio", "emulator", "" */
const char* doed_mailbox_completion(
    const doed_mailbox* mailbox); /* "interrupt", "poll", "kernel", "" */
const char* doed_mailbox_last_error(const doed_mailbox* mailbox); /* "": nothing went wrong */
uint32_t doed_mailbox_queue_length(const doed_mailbox* mailbox);
doed_features* doed_mailbox_features(const doed_mailbox* mailbox); /* as discovered; never NULL */
/* NULL: the mailbox offers no CDAT. */
doed_cdat_status* doed_mailbox_cdat_status(const doed_mailbox* mailbox);

/* Since doed began to drive the mailbox. */
enum doed_counter {
    DOED_COUNTER_EXCHANGES = 0,             /* ended with a response */
    DOED_COUNTER_ABORTS = 1,                /* aborts written to the mailbox */
    DOED_COUNTER_TIMEOUTS = 2,              /* ended because the device did not answer in time */
    DOED_COUNTER_ERRORS = 3,                /* ended without a response, timeouts included */
    DOED_COUNTER_INTERRUPT_COMPLETIONS = 4, /* responses that an interrupt told of */
    DOED_COUNTER_POLL_COMPLETIONS = 5,      /* responses that a look found */
    DOED_COUNTER_CONFIG_READS = 6,          /* dwords */
    DOED_COUNTER_CONFIG_WRITES = 7          /* dwords */
};
/* 0 for a number that is no counter. */
uint64_t doed_mailbox_counter(const doed_mailbox* mailbox, unsigned int counter);
/* As the property is called: "Exchanges"; NULL for a number that is no counter. */
const char* doed_counter_name(unsigned int counter);

/* Protocols, index from 0; beyond the end 0 and "". */
size_t doed_features_count(const doed_features* features);
uint16_t doed_features_vendor_id(const doed_features* features,
                                 size_t index); /* 0x0001: PCI-SIG, 0x1e98: CXL */
uint8_t doed_features_object_type(const doed_features* features, size_t index);
const char* doed_features_name(const doed_features* features,
                               size_t index); /* "": doed does not know it */
doed_features* doed_features_ref(doed_features* features);
doed_features* doed_features_unref(doed_features* features);

/* doed itself. Returned by doed_manager_unref(). */
int doed_manager_get(doed_context* context, doed_manager** ret);
int doed_manager_get_async(doed_context* context, doed_callback callback, void* userdata,
                           doed_call** ret);
const char* doed_manager_version(const doed_manager* manager); /* of the running doed: "0.1.0" */
const char* doed_manager_lockdown(
    const doed_manager* manager); /* "none", "integrity", "confidentiality", "" */
doed_features* doed_manager_allowed_protocols(const doed_manager* manager); /* never NULL */
doed_manager* doed_manager_ref(doed_manager* manager);
doed_manager* doed_manager_unref(doed_manager* manager);

/* ---- What a mailbox does ------------------------------------------------------------------------------------------
 * mailbox_path: doed_mailbox_path(), or any text of that form: a mailbox that is no more is -ENOENT, a text that is no D-Bus
 * path -EINVAL. All wait for doed, which may wait for the device; errors are those of the table. */

/* Asks the device for its protocols. Returned by doed_features_unref(). */
int doed_discover(doed_context* context, const char* mailbox_path, doed_features** ret);
int doed_discover_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                        void* userdata, doed_call** ret);
/* Aborts what the mailbox is doing and claims it anew; 0 when it is ready again. For administrators. */
int doed_reset(doed_context* context, const char* mailbox_path);
int doed_reset_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                     void* userdata, doed_call** ret);
/* Borrows the mailbox, until the descriptor and all its copies are closed. It is above 2 and close-on-exec. For
 * administrators. -EOPNOTSUPP: the connection cannot carry descriptors. */
int doed_release(doed_context* context, const char* mailbox_path, int* ret_fd);
int doed_release_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                       void* userdata, doed_call** ret);
/* The last exchanges, as JSON: docs/dbus-api.md. Returned by free(). */
int doed_trace(doed_context* context, const char* mailbox_path, char** ret_json);
int doed_trace_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                     void* userdata, doed_call** ret);

/* ---- The CDAT of a mailbox ---------------------------------------------------------------------------------------- */

enum {
    /* The device is read now; else doed answers with its copy, and reads the device only when it has none. */
    DOED_CDAT_REFRESH = 1 << 0
};

/* The raw table, of any size: above 64 KiB it comes through a memory file, which takes a second call. At least one byte is
 * allocated; returned by free(). -E2BIG: it is that long, and the connection cannot carry descriptors. */
int doed_cdat_table(doed_context* context, const char* mailbox_path, uint32_t flags,
                    uint8_t** ret_bytes, size_t* ret_size);
int doed_cdat_table_async(doed_context* context, const char* mailbox_path, uint32_t flags,
                          doed_callback callback, void* userdata, doed_call** ret);
/* The same, decoded (doed/cdat.h). Returned by doed_cdat_unref(). */
int doed_cdat_get(doed_context* context, const char* mailbox_path, uint32_t flags, doed_cdat** ret);
int doed_cdat_get_async(doed_context* context, const char* mailbox_path, uint32_t flags,
                        doed_callback callback, void* userdata, doed_call** ret);
/* doed's JSON document of the table (cdat.schema.json), with what the kernel made of it. Returned by free(). -E2BIG: above
 * 16 MiB. */
int doed_cdat_json(doed_context* context, const char* mailbox_path, uint32_t flags,
                   char** ret_json);
int doed_cdat_json_async(doed_context* context, const char* mailbox_path, uint32_t flags,
                         doed_callback callback, void* userdata, doed_call** ret);
/* Reads the table from the device, whatever copy there is; the sequence number it has now. */
int doed_cdat_refresh(doed_context* context, const char* mailbox_path, uint32_t* ret_sequence);
int doed_cdat_refresh_async(doed_context* context, const char* mailbox_path, doed_callback callback,
                            void* userdata, doed_call** ret);

/* What doed tells about its copy now. Returned by doed_cdat_status_unref(). */
int doed_cdat_status_get(doed_context* context, const char* mailbox_path, doed_cdat_status** ret);
int doed_cdat_status_get_async(doed_context* context, const char* mailbox_path,
                               doed_callback callback, void* userdata, doed_call** ret);
/* All 0 and "" while there is no copy. */
uint32_t doed_cdat_status_length(const doed_cdat_status* status); /* bytes */
uint8_t doed_cdat_status_revision(const doed_cdat_status* status);
uint32_t doed_cdat_status_sequence(const doed_cdat_status* status);
bool doed_cdat_status_checksum_valid(const doed_cdat_status* status);
const char* doed_cdat_status_source(const doed_cdat_status* status); /* "mailbox" or "kernel" */
size_t doed_cdat_status_problem_count(const doed_cdat_status* status);
const char* doed_cdat_status_problem(const doed_cdat_status* status,
                                     size_t index); /* NULL beyond the end */
doed_cdat_status* doed_cdat_status_ref(doed_cdat_status* status);
doed_cdat_status* doed_cdat_status_unref(doed_cdat_status* status);

/* ---- Events ------------------------------------------------------------------------------------------------------- */

enum doed_event_type {
    /* The stream has begun: a snapshot taken from now on, and the events from now on, are consistent. `limit` is set. */
    DOED_EVENT_SUBSCRIBED = 1,
    DOED_EVENT_DEVICE_ADDED = 2,   /* with all its mailboxes; vendor_id, device_id, class_code */
    DOED_EVENT_DEVICE_REMOVED = 3, /* with all its mailboxes */
    DOED_EVENT_MAILBOX_ADDED = 4,  /* capability_version, to (state), owner */
    DOED_EVENT_MAILBOX_REMOVED = 5,
    DOED_EVENT_STATE = 6,        /* from, to */
    DOED_EVENT_OWNER = 7,        /* from, to, text (the reason) */
    DOED_EVENT_CDAT_CHANGED = 8, /* cdat_sequence */
    DOED_EVENT_EXCHANGE_FAILED =
        9, /* vendor_id, object_type, name (the D-Bus error), error, text */
    DOED_EVENT_DRIVER_SPECIFIC = 10, /* name, text */

    /* Made by the library; these have no address, and sequence, pending and lost are 0. */

    /* doed is not there (any more); the library waits for it to come back. Also the first event when it does not run. */
    DOED_EVENT_DAEMON_GONE = 0x10001,
    /* Another doed than the one before serves, or the stream was cut, and begins anew: what was known is to be replaced by a
     * fresh snapshot, which is consistent with the events from here on. `limit` is set. Stands for
     * DOED_EVENT_SUBSCRIBED in every stream but the first. */
    DOED_EVENT_DAEMON_RESTARTED = 0x10002,
    /* doed refused the stream: error, name, text. The last event, except after -EAGAIN, -ETIME, -ETIMEDOUT and -ENOMEM,
     * when it is tried again after a pause that grows from 0.25 to 8 s. `last` tells. */
    DOED_EVENT_REFUSED = 0x10003,
    /* The connection to the bus broke. The last event. */
    DOED_EVENT_DISCONNECTED = 0x10004
};

struct doed_event {
    size_t size;         /* of what the library filled in */
    uint32_t type;       /* enum doed_event_type, or one that this library does not know */
    uint32_t pending;    /* events that waited in doed behind this one */
    uint64_t sequence;   /* of this stream: 0, 1, 2, ...; lost ones are counted */
    uint64_t lost;       /* events dropped just before this one: not fetched in time */
    uint64_t time_usec;  /* when it happened: since 1970, UTC */
    const char* address; /* of the device, "0000:0d:00.0"; "" when it is about none */
    const char* path;    /* the D-Bus object of the mailbox, else of the device; "" for none */
    uint16_t offset;     /* of the mailbox, bytes; 0 when it is about none */
    uint16_t vendor_id;
    uint16_t device_id;
    uint8_t object_type;
    uint8_t capability_version;
    bool last; /* no event comes after this one: end the subscription */
    uint8_t reserved[3];
    uint32_t class_code;
    uint32_t cdat_sequence; /* 0 where the table's header cannot be read */
    uint32_t limit;         /* events that doed keeps for this stream before it drops the oldest */
    int32_t error;          /* negative errno value for name; else 0 */
    const char* from;       /* texts that a type does not have are "" */
    const char* to;
    const char* owner;
    const char* name;
    const char* text; /* for people */
};

/* The event and its texts are valid within the callback only, which comes from doed_process(), one event at a time. */
typedef void (*doed_event_callback)(const struct doed_event* event, void* userdata);

/* Begins to follow all devices. Returns at once; what comes of it is told by the first event. Events are fetched as
 * doed_process() is called: what a program leaves unfetched waits in doed, up to `limit`. The callback may end its own
 * subscription. Errors: -ENOTCONN, what doed_connect() gives; -EOPNOTSUPP comes as DOED_EVENT_REFUSED. */
int doed_subscribe(doed_context* context, doed_event_callback callback, void* userdata,
                   doed_subscription** ret);
/* Ends it: the callback is not called again. */
doed_subscription* doed_subscription_unref(doed_subscription* subscription);
/* "state", "cdat-changed", "daemon-restarted", ...; "unknown" for a number that is no type. */
const char* doed_event_type_name(uint32_t type);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
