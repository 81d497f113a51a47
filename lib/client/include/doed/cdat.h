/* SPDX-License-Identifier: Apache-2.0
 *
 * libdoed: a Coherent Device Attribute Table (CDAT 1.04), decoded. Needs no bus and no doed: doed_cdat_parse() takes the bytes
 * of any table, such as /sys/bus/cxl/devices/endpoint2/CDAT; doed_cdat_get() of doed/doed.h fetches one. Results, memory and
 * growth as described there.
 *
 * A table is never changed. Everything below returns 0, -ENOENT beyond the end, or -EINVAL for a null pointer or a `size`
 * that does not even reach beyond itself. Indices count from 0. So:
 *
 *     struct doed_memory_range range = { .size = sizeof range };
 *     for (size_t i = 0; doed_cdat_range(cdat, i, &range) == 0; i++)
 *         ...
 */
#ifndef DOED_CDAT_H
#define DOED_CDAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct doed_cdat doed_cdat; /* refcounted */

#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/* Decodes a copy of the bytes. Whatever is wrong with them is no error, but in the list of problems. Returned by
 * doed_cdat_unref(). Errors: -E2BIG above 1 MiB; -EINVAL for no bytes but a size. */
int doed_cdat_parse(const void* bytes, size_t size, doed_cdat** ret);
doed_cdat* doed_cdat_ref(doed_cdat* cdat);
doed_cdat* doed_cdat_unref(doed_cdat* cdat);

/* The bytes as they were given, and how many. Never NULL. */
const uint8_t* doed_cdat_bytes(const doed_cdat* cdat, size_t* ret_size);

/* ---- The whole table ---------------------------------------------------------------------------------------------- */

struct doed_table_header {
    size_t size;
    uint32_t length; /* bytes, by the table's own word */
    uint8_t revision;
    uint8_t checksum;
    bool checksum_valid; /* the bytes add up to 0 */
    uint8_t reserved;
    uint32_t sequence; /* the device changes it with the table */
};
/* Fields beyond the end of the bytes are 0. */
int doed_cdat_header(const doed_cdat* cdat, struct doed_table_header* ret);

enum doed_severity {
    DOED_SEVERITY_NOTICE = 0,  /* unusual, harmless */
    DOED_SEVERITY_WARNING = 1, /* something is wrong, what was read can be used */
    DOED_SEVERITY_ERROR = 2    /* the table is not what the device meant to say */
};
struct doed_table_problem {
    size_t size;
    uint32_t severity; /* enum doed_severity */
    uint32_t offset;   /* bytes from the start of the table */
    const char* kind;  /* for programs: "trailing-padding", "dangling-handle", ...: docs/cdat.md */
    const char* text;  /* for people, one line */
};
/* What is wrong with how the table is put together, then with what it says. The texts live as long as the table. */
int doed_cdat_problem(const doed_cdat* cdat, size_t index, struct doed_table_problem* ret);

/* ---- Latency and bandwidth ---------------------------------------------------------------------------------------- */

enum doed_value_kind {
    DOED_VALUE_NOT_PROVIDED = 0, /* the table gives no value: the entry or its unit is 0 */
    DOED_VALUE_GIVEN = 1,
    DOED_VALUE_UNREACHABLE = 2, /* the entry is 0xFFFF */
    DOED_VALUE_OVERFLOW = 3     /* more than 64 bits */
};
/* Never grows. */
struct doed_value {
    uint64_t amount;    /* picoseconds or MB/s when given, else 0 */
    uint32_t kind;      /* enum doed_value_kind */
    uint32_t data_type; /* enum doed_data_type that it was told as; 0 when it was not told */
};
static inline bool doed_value_given(struct doed_value value) {
    return value.kind == DOED_VALUE_GIVEN;
}

/* What entries of a DSLBIS or SSLBIS are; other numbers are reserved. */
enum doed_data_type {
    DOED_ACCESS_LATENCY = 0, /* picoseconds */
    DOED_READ_LATENCY = 1,
    DOED_WRITE_LATENCY = 2,
    DOED_ACCESS_BANDWIDTH = 3, /* MB/s */
    DOED_READ_BANDWIDTH = 4,
    DOED_WRITE_BANDWIDTH = 5
};

/* ---- The summary: what the structures say together ---------------------------------------------------------------- */

/* Of a memory range and of a DSMAS. */
enum {
    DOED_MEMORY_NON_VOLATILE = 1 << 2,
    DOED_MEMORY_SHAREABLE = 1 << 3,
    DOED_MEMORY_HARDWARE_COHERENT = 1 << 4,
    DOED_MEMORY_DYNAMIC_CAPACITY = 1 << 5,
    DOED_MEMORY_READ_ONLY = 1 << 6
};

/* A range of device physical addresses, one of each DSMAS, with what DSLBIS tell of it. */
struct doed_memory_range {
    size_t size;
    uint64_t dpa_base;                 /* bytes */
    uint64_t dpa_length;               /* bytes */
    struct doed_value read_latency;    /* picoseconds */
    struct doed_value write_latency;   /* picoseconds */
    struct doed_value read_bandwidth;  /* MB/s */
    struct doed_value write_bandwidth; /* MB/s */
    uint32_t flags;                    /* DOED_MEMORY_* */
    uint32_t cache_count;              /* memory side caches in front of it */
    uint32_t part_count;               /* parts with a memory type of their own */
    uint8_t handle;                    /* DSMADHandle */
    bool initiator_attached;           /* a DSIS says so */
};
int doed_cdat_range(const doed_cdat* cdat, size_t index, struct doed_memory_range* ret);

/* A memory side cache of a range, by its DSMSCIS. */
struct doed_cache {
    size_t size;
    uint64_t cache_size;               /* bytes */
    struct doed_value read_latency;    /* picoseconds */
    struct doed_value write_latency;   /* picoseconds */
    struct doed_value read_bandwidth;  /* MB/s */
    struct doed_value write_bandwidth; /* MB/s */
    uint32_t line_size;                /* bytes */
    uint8_t level;                     /* from 1 */
    uint8_t total_levels;
    uint8_t associativity; /* 0 none, 1 direct mapped, 2 complex */
    uint8_t write_policy;  /* 0 none, 1 write back, 2 write through */
};
int doed_cdat_range_cache(const doed_cdat* cdat, size_t range, size_t index,
                          struct doed_cache* ret);

/* A part of a range with an EFI memory type, by its DSEMTS. */
struct doed_dsemts {
    size_t size;
    uint64_t dpa_offset; /* bytes, from the base of the DSMAS */
    uint64_t dpa_length; /* bytes */
    uint32_t offset;     /* of the structure in the table, bytes; 0 from doed_cdat_range_part() */
    uint8_t handle;      /* DSMADHandle */
    uint8_t
        memory_type; /* 0 EfiConventionalMemory, 1 the same with EFI_MEMORY_SP, 2 EfiReservedMemoryType */
};
int doed_cdat_range_part(const doed_cdat* cdat, size_t range, size_t index,
                         struct doed_dsemts* ret);

/* An initiator without memory of its own, by its DSIS. */
struct doed_initiator {
    size_t size;
    struct doed_value read_latency;    /* picoseconds */
    struct doed_value write_latency;   /* picoseconds */
    struct doed_value read_bandwidth;  /* MB/s */
    struct doed_value write_bandwidth; /* MB/s */
    uint8_t handle;
};
int doed_cdat_initiator(const doed_cdat* cdat, size_t index, struct doed_initiator* ret);

enum { DOED_PORT_UPSTREAM = 0x0100, DOED_PORT_ANY = 0xFFFF };
/* The way between two ports of a switch, by its SSLBIS; by port X, then port Y. */
struct doed_port_pair {
    size_t size;
    struct doed_value read_latency;    /* picoseconds */
    struct doed_value write_latency;   /* picoseconds */
    struct doed_value read_bandwidth;  /* MB/s */
    struct doed_value write_bandwidth; /* MB/s */
    uint16_t port_x;                   /* of a downstream port its number, or DOED_PORT_* */
    uint16_t port_y;
};
int doed_cdat_port_pair(const doed_cdat* cdat, size_t index, struct doed_port_pair* ret);

/* ---- The structures, as they are ---------------------------------------------------------------------------------- */

/* Any structure, in the order of the table. */
struct doed_table_structure {
    size_t size;
    uint32_t offset; /* in the table, bytes */
    uint32_t length; /* bytes, its header of 4 included */
    uint8_t
        type; /* 0 DSMAS, 1 DSLBIS, 2 DSMSCIS, 3 DSIS, 4 DSEMTS, 5 SSLBIS; others are reserved */
};
int doed_cdat_structure(const doed_cdat* cdat, size_t index, struct doed_table_structure* ret);

/* Below, index counts the structures of one type. Those too short for their type are not among them. */

/* Device Scoped Memory Affinity: a range of device physical addresses. */
struct doed_dsmas {
    size_t size;
    uint64_t dpa_base;   /* bytes */
    uint64_t dpa_length; /* bytes */
    uint32_t offset;     /* of the structure in the table, bytes */
    uint8_t handle;      /* DSMADHandle */
    uint8_t flags;       /* DOED_MEMORY_*, and reserved bits as they are */
};
int doed_cdat_dsmas(const doed_cdat* cdat, size_t index, struct doed_dsmas* ret);

enum {
    DOED_DSLBIS_HIERARCHY_MASK = 0x0F, /* 0 the memory, 1 to 3 a level of its cache */
    DOED_DSLBIS_MINIMUM_TRANSFER_SIZE = 1 << 4,
    DOED_DSLBIS_NON_SEQUENTIAL = 1 << 5
};
/* Device Scoped Latency and Bandwidth Information, of the DSMAS or DSIS with the same handle. */
struct doed_dslbis {
    size_t size;
    uint64_t base_unit;  /* picoseconds or MB/s */
    uint16_t entries[3]; /* raw; for a DSMAS only the first counts */
    uint8_t handle;
    uint8_t flags;
    struct doed_value values[3]; /* Entry Base Unit x entry: picoseconds or MB/s */
    uint32_t offset;             /* of the structure in the table, bytes */
    uint8_t data_type;           /* enum doed_data_type */
};
int doed_cdat_dslbis(const doed_cdat* cdat, size_t index, struct doed_dslbis* ret);

/* Device Scoped Memory Side Cache Information. */
struct doed_dsmscis {
    size_t size;
    uint64_t cache_size; /* bytes */
    uint32_t attributes; /* raw; the fields below are taken from it */
    uint32_t line_size;  /* bytes */
    uint32_t offset;     /* of the structure in the table, bytes */
    uint8_t handle;      /* DSMADHandle */
    uint8_t level;
    uint8_t total_levels;
    uint8_t associativity; /* 0 none, 1 direct mapped, 2 complex */
    uint8_t write_policy;  /* 0 none, 1 write back, 2 write through */
};
int doed_cdat_dsmscis(const doed_cdat* cdat, size_t index, struct doed_dsmscis* ret);

enum { DOED_DSIS_MEMORY_ATTACHED = 1 << 0 };
/* Device Scoped Initiator. */
struct doed_dsis {
    size_t size;
    uint32_t offset; /* of the structure in the table, bytes */
    uint8_t flags;
    uint8_t handle; /* of a DSMAS when memory is attached, else the initiator's own */
};
int doed_cdat_dsis(const doed_cdat* cdat, size_t index, struct doed_dsis* ret);

/* Device Scoped EFI Memory Type. */
int doed_cdat_dsemts(const doed_cdat* cdat, size_t index, struct doed_dsemts* ret);

/* Switch Scoped Latency and Bandwidth Information. */
struct doed_sslbis {
    size_t size;
    uint64_t base_unit; /* picoseconds or MB/s */
    uint32_t entry_count;
    uint32_t offset;   /* of the structure in the table, bytes */
    uint8_t data_type; /* enum doed_data_type */
};
int doed_cdat_sslbis(const doed_cdat* cdat, size_t index, struct doed_sslbis* ret);

struct doed_sslbis_entry {
    size_t size;
    struct doed_value value; /* Entry Base Unit x entry: picoseconds or MB/s */
    uint16_t port_x;         /* of a downstream port its number, or DOED_PORT_* */
    uint16_t port_y;
    uint16_t entry; /* raw */
};
int doed_cdat_sslbis_entry(const doed_cdat* cdat, size_t sslbis, size_t index,
                           struct doed_sslbis_entry* ret);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
