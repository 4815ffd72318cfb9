/* The nine messages of QHCP/1 as structs (docs/protocol.md, "Messages").
 *
 * Slices borrow: after decoding they point into the input, before encoding at whatever the caller
 * has.  An optional field is there when its bit is set in `has` (WIRE_HAS_*).  Counts are numbers
 * of array entries in use.  Times are microseconds, percentages hundredths. */
#ifndef QHCP_WIRE_MESSAGE_H
#define QHCP_WIRE_MESSAGE_H

#include "base/limits.h"
#include "base/slice.h"

enum wire_type {
    WIRE_HELLO = 0x01,
    WIRE_ACK = 0x02,
    WIRE_HEALTH_REQUEST = 0x03,
    WIRE_HEALTH_RESPONSE = 0x04,
    WIRE_CONFIG_UPDATE = 0x05,
    WIRE_CONFIG_ACK = 0x06,
    WIRE_ERROR = 0x07,
    WIRE_TERMINATE = 0x08,
    WIRE_TERMINATE_ACK = 0x09,
};

/* A metric as ACK and CONFIG_ACK name it: {0x00 number, 0x01 name, 0x02 unit}. */
struct wire_metric {
    uint64_t number; /* its number in this session; registered metrics keep their registry number */
    struct slice name; /* 1 to LIMIT_NAME of a-z, 0-9, _ */
    uint64_t unit;     /* enum wire_unit */
};

struct wire_metrics {
    size_t count;
    struct wire_metric at[LIMIT_METRICS]; /* ascending numbers */
};

/* A metric's value in HEALTH_RESPONSE: nested pair, key 2 x number. */
struct wire_value {
    uint64_t number;
    uint64_t value;
};

struct wire_values {
    size_t count;
    struct wire_value at[LIMIT_METRICS]; /* ascending numbers */
};

/* An application check's outcome: {0x00 status, 0x01 name, 0x02 duration_us, 0x03 reason}. */
struct wire_check {
    uint64_t status; /* enum qhcp_status: SERVING, DEGRADED or NOT_SERVING */
    struct slice name;
    uint64_t duration_us;
    struct slice reason; /* may be empty */
};

struct wire_checks {
    size_t count;
    struct wire_check at[LIMIT_CHECKS];
};

struct wire_numbers {
    size_t count;
    uint64_t at[LIMIT_METRICS];
};

struct wire_texts {
    size_t count;
    struct slice at[LIMIT_METRICS];
};

/* A refused item of CONFIG_UPDATE: {0x00 key, 0x01 words, 0x02 code}. */
struct wire_refusal {
    uint64_t key;
    struct slice words;
    uint64_t code;
};

struct wire_refusals {
    size_t count;
    struct wire_refusal at[8];
};

/* Bits of `has`, shared by all messages. */
#define WIRE_HAS_TOKEN 0x01u
#define WIRE_HAS_INTERVAL 0x02u
#define WIRE_HAS_PUSH 0x04u
#define WIRE_HAS_METRICS 0x08u /* CONFIG_UPDATE: the metric list is to be replaced */
#define WIRE_HAS_SEQ 0x10u
#define WIRE_HAS_REASON 0x20u
#define WIRE_HAS_EXPIRES 0x40u
#define WIRE_HAS_REFERS 0x80u
#define WIRE_HAS_REVOCATIONS 0x100u
#define WIRE_HAS_BEAT 0x200u
#define WIRE_HAS_IN_FLIGHT 0x400u

/* Extensions, as HELLO and ACK name them. */
#define WIRE_EXTENSION_BEATS 1 /* the server sends its status by itself */

struct wire_hello {
    uint32_t has;                   /* TOKEN */
    uint64_t interval_us;           /* 0x00 required */
    struct slice lb_id;             /* 0x01 text, required */
    uint64_t push;                  /* 0x02 0 or 1; 0 is said by leaving it out */
    struct slice token;             /* 0x03 JWT; its absence is for auth to refuse, not for wire */
    struct wire_numbers metrics;    /* 0x04 repeated: registered metrics wanted */
    struct wire_texts metric_names; /* 0x05 repeated text: application metrics wanted by name */
    struct wire_numbers extensions; /* 0x06 repeated */
    uint64_t beat_us;               /* 0x08 between beats; 0: none are asked for */
};

struct wire_ack {
    uint64_t interval_us;           /* 0x00 required: in force */
    struct slice server_id;         /* 0x01 text, required */
    uint64_t processing_us;         /* 0x02 required: bound on its own processing time */
    struct slice boot_id;           /* 0x03 required, LIMIT_BOOT_ID bytes */
    uint64_t push;                  /* 0x04 required 0 or 1: will it push */
    struct wire_metrics metrics;    /* 0x05 repeated nested: metrics confirmed */
    struct wire_numbers extensions; /* 0x06 repeated */
    struct wire_texts services;     /* 0x07 repeated text: "tcp:8080", "tcp:HOST:PORT" */
    uint64_t revoked;               /* 0x08 the newest list of revocations it has; 0: none */
    uint64_t beat_us;               /* 0x0a between its beats; 0: it sends none */
};

struct wire_health_request {
    uint32_t has;   /* IN_FLIGHT */
    uint64_t seq;   /* 0x00 required: from 1, never reused in a session */
    uint64_t epoch; /* 0x02 required: the newest status epoch seen; acknowledges pushes. 0: none */
    uint64_t in_flight; /* 0x04 connections to a server that wants no new ones */
};

struct wire_health_response {
    uint32_t has;              /* SEQ (absent: a push or a beat), REASON, BEAT */
    uint64_t seq;              /* 0x00 */
    struct slice boot_id;      /* 0x01 required, LIMIT_BOOT_ID bytes */
    uint64_t epoch;            /* 0x02 required: grows by one with every change of status, from 1 */
    struct wire_values values; /* 0x03 nested: metrics */
    uint64_t status;           /* 0x04 required: enum qhcp_status */
    struct slice reason;       /* 0x05 text: required of any status but serving */
    uint64_t processing_us;    /* 0x06 required: between receiving the request and answering */
    struct wire_checks checks; /* 0x07 repeated nested */
    uint64_t beat;             /* 0x08 which beat this is; never together with seq */
};

struct wire_config_update {
    uint32_t has;                   /* INTERVAL, TOKEN, METRICS, PUSH, REVOCATIONS, BEAT */
    uint64_t id;                    /* 0x00 required: from 1, ascending in a session */
    uint64_t interval_us;           /* 0x02 */
    struct slice token;             /* 0x03 */
    struct wire_numbers metrics;    /* 0x04 repeated; METRICS is set if 0x04 or 0x05 is there */
    struct wire_texts metric_names; /* 0x05 repeated text */
    uint64_t push;                  /* 0x06 */
    struct slice revocations;       /* 0x07 a signed list; then nothing else is there */
    uint64_t beat_us;               /* 0x08 as in HELLO; 0: no beats any more */
};

struct wire_config_ack {
    uint32_t has;                 /* EXPIRES */
    uint64_t id;                  /* 0x00 required: the update's */
    uint64_t interval_us;         /* 0x02 required: in force */
    uint64_t push;                /* 0x04 required */
    struct wire_metrics metrics;  /* 0x05 repeated nested: in force */
    uint64_t expires_s;           /* 0x06 seconds until exp of the token in force */
    struct wire_refusals refused; /* 0x07 repeated nested: any entry means nothing was applied */
    uint64_t revoked;             /* 0x08 as in ACK */
    uint64_t beat_us;             /* 0x0a as in ACK */
};

struct wire_error {
    uint32_t has;       /* REFERS */
    uint64_t code;      /* 0x00 required: include/qhcp/error.h, positive */
    struct slice words; /* 0x01 text, required */
    uint64_t refers;    /* 0x02 the frame type it is about */
};

struct wire_terminate {
    uint64_t deadline_us; /* 0x00 required: from its sending until the sender goes regardless */
    struct slice reason;  /* 0x01 text, required */
};

struct wire_terminate_ack {
    uint64_t outcome; /* 0x00 required: 0 all connections ended, 1 some may be open */
};

struct wire_message {
    uint64_t type; /* enum wire_type; any other value: a frame to skip, nothing else is set */
    union {
        struct wire_hello hello;
        struct wire_ack ack;
        struct wire_health_request request;
        struct wire_health_response response;
        struct wire_config_update config_update;
        struct wire_config_ack config_ack;
        struct wire_error error;
        struct wire_terminate terminate;
        struct wire_terminate_ack terminate_ack;
    };
};

#endif
